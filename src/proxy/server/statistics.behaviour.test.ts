/** The whole proxy beside a stock Envoy: the same bootstrap and traffic, the same statistics. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { createExampleBootstrap } from "../../../test/support/envoy-example.ts";
import { eventually } from "../../../test/support/eventually.ts";
import { sendRequest } from "../../../test/support/http-call.ts";
import { findEnvoy, skipWithout } from "../../../test/support/peers.ts";
import { startEnvoy } from "../../../test/support/running-envoy.ts";
import { startProxyOn } from "../../../test/support/running-proxy.ts";

const skip = skipWithout("envoy", findEnvoy());

/** What Envoy shows and we have nothing to count for: overload manager, HTTP client, threads, c-ares, its admin listener; and
 *  filters that we do not run yet. */
const onlyTheirs =
	/^(envoy\.overload|overload\.|http\.async-client\.|thread_local_cluster_manager\.|dns\.|listener\.admin\.|server\.worker_)|default\.total_match_count|^http\.in\.(cors|fault)\./;

/** Ours alone, and what we show without HTTP/2. */
const onlyOurs = /^(filesystem\.write_dropped|http2?\.)/;

/** Values that differ by their nature: times, memory, the admin port's own requests, the health checker's pace. */
const uneven =
	/^(server\.|runtime\.|http\.admin|listener\.admin|filesystem\.)|_bytes_|health_check|version|membership_healthy|max_host_weight|remaining_|upstream_cx_(connect_ms|length_ms)|connections_accepted/;

interface Peer {
	admin(path: string): Promise<string>;
	portOf(listener: string): Promise<number>;
}

async function startOurs(t: TestContext, bootstrap: Readonly<Record<string, unknown>>): Promise<Peer> {
	const admin = { address: { socket_address: { address: "127.0.0.1", port_value: 0 } } };
	const proxy = await startProxyOn(t, { admin, ...bootstrap });
	return { admin: (path) => proxy.admin(path), portOf: async (listener) => proxy.port(listener) };
}

async function startBackend(t: TestContext): Promise<number> {
	const server = createServer((request, response) => {
		response.statusCode = Number(/code=(\d+)/.exec(request.url!)?.[1] ?? 200);
		response.end("hello");
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close().closeAllConnections());
	return (server.address() as AddressInfo).port;
}

/** The example with its endpoints where the backend is. */
function withBackend(port: number): Readonly<Record<string, unknown>> {
	return JSON.parse(
		JSON.stringify(createExampleBootstrap()).replaceAll('"port_value":1}', `"port_value":${port}}`),
	) as Record<string, unknown>;
}

async function sendTraffic(peer: Peer): Promise<void> {
	const web = await peer.portOf("web");
	for (const path of ["/", "/direct", "/vc", "/part", "/?code=404", "/?code=503", "/part?code=500"]) {
		await sendRequest({ port: web, path });
	}
	await sendRequest({ port: web, path: "/", method: "POST", body: "x".repeat(1_000) });
	const raw = await peer.portOf("raw");
	await new Promise<void>((resolve) => {
		const socket = connect(raw, "127.0.0.1", () =>
			socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"),
		);
		socket.resume().on("close", () => resolve());
	});
}

async function readNames(peer: Peer): Promise<string[]> {
	const lines = (await peer.admin("/stats")).split("\n").filter((line) => line !== "");
	return lines.map((line) => line.slice(0, line.indexOf(": ")));
}

async function readNumbers(peer: Peer): Promise<Map<string, number>> {
	const { stats } = JSON.parse(await peer.admin("/stats?format=json")) as {
		stats: { name?: string; value?: unknown }[];
	};
	return new Map(
		stats.flatMap(({ name, value }): [string, number][] =>
			name !== undefined &&
			typeof value === "number" &&
			!uneven.test(name) &&
			!onlyTheirs.test(name) &&
			!onlyOurs.test(name)
				? [[name, value]]
				: [],
		),
	);
}

test("our proxy shows the statistics of a stock Envoy, with the same values after the same traffic", {
	skip,
}, async (t) => {
	const bootstrap = withBackend(await startBackend(t));
	const envoy = await startEnvoy(t, bootstrap);
	const amime = await startOurs(t, bootstrap);
	await sendTraffic(envoy);
	await sendTraffic(amime);

	const [ours, theirs] = [await readNames(amime), await readNames(envoy)];
	assert.deepEqual(
		theirs.filter((name) => !ours.includes(name) && !onlyTheirs.test(name)),
		[],
		"names that we lack",
	);
	assert.deepEqual(
		ours.filter((name) => !theirs.includes(name) && !onlyOurs.test(name)),
		[],
		"names that Envoy does not have",
	);

	await eventually(async () => {
		const [own, envoys] = [await readNumbers(amime), await readNumbers(envoy)];
		const different = [...envoys].filter(([name, value]) => own.get(name) !== value);
		assert.deepEqual(
			different.map(([name, value]) => `${name}: envoy ${value}, ours ${own.get(name)}`),
			[],
		);
	});
});

test("a scrape of both gives the same series", { skip }, async (t) => {
	const bootstrap = withBackend(await startBackend(t));
	const peers: Peer[] = [await startEnvoy(t, bootstrap), await startOurs(t, bootstrap)];
	const series: string[][] = [];
	for (const peer of peers) {
		await sendTraffic(peer);
		const text = await peer.admin("/stats/prometheus?filter=^(cluster|http.in|vhost|tcp|listener.(web|raw)|gate)");
		const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
		series.push(
			lines
				.map((line) => line.slice(0, line.lastIndexOf(" ")))
				.filter((name) => !/default_total_match|envoy_http_(cors|fault)_/.test(name)),
		);
	}
	const [envoys, ours] = series as [string[], string[]];
	assert.deepEqual(
		{ missing: envoys.filter((name) => !ours.includes(name)), extra: ours.filter((name) => !envoys.includes(name)) },
		{ missing: [], extra: [] },
	);
});
