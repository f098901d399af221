/** Slow readers: what they do not read stays with the sender, not in the proxy. */
import assert from "node:assert/strict";
import { createServer as createHttpServer, request } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { request as requestTls } from "node:https";
import type { Readable } from "node:stream";
import { test } from "node:test";
import { managerFilter, socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { readPrivateBytes } from "../support/memory.ts";
import { createTestPki, type TestCertificate } from "../support/pki.ts";
import { startProxyProcess } from "../support/proxy-process.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const bodyBytes = 1024 ** 3;
const mayGrowBytes = 64 * 1024 ** 2;
/** The reader takes so much, then rests: some hundred megabytes a second, where the sender can do thousands. */
const biteBytes = 8 * 1024 ** 2;
const restMs = 5;

const block = Buffer.alloc(256 * 1024, "x");

test("a gibibyte for a slow reader never lies in the proxy", async (t) => {
	const backend = createHttpServer((_request, response) => {
		response.writeHead(200, { "content-length": bodyBytes });
		let left = bodyBytes;
		const send = (): void => {
			while (left > 0) {
				left -= block.length;
				if (!response.write(block)) break;
			}
			if (left <= 0) response.end();
		};
		response.on("drain", send);
		send();
	});
	await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		backend.closeAllConnections();
		backend.close();
	});
	const { port: backendPort } = backend.address() as { port: number };
	const pki = createTestPki();
	const proxy = await startProxyProcess(
		t,
		"amime",
		makeTemporaryFolder(t),
		createBootstrap(backendPort, pki.issue(pki.idOf("proxy"))),
	);
	const pid = proxy.process.pid!;
	const ports = { plain: await proxy.port("plain"), tls: await proxy.port("tls") };
	const clients: Record<string, () => Promise<{ body: Readable; close: () => void }>> = {
		"HTTP/1.1": () => openHttp1(ports.plain, false),
		"HTTP/1.1 in TLS": () => openHttp1(ports.tls, true),
		"HTTP/2": () => openHttp2(`http://127.0.0.1:${ports.plain}`),
		"HTTP/2 in TLS": () => openHttp2(`https://127.0.0.1:${ports.tls}`),
	};
	for (const [name, open] of Object.entries(clients)) {
		await t.test(name, async () => {
			const idle = readPrivateBytes(pid);
			const { body, close } = await open();
			const { received, mostBytes } = await readSlowly(body, () => readPrivateBytes(pid));
			close();
			assert.equal(received, bodyBytes);
			const growth = mostBytes - idle;
			assert.ok(growth < mayGrowBytes, `the proxy grew by ${Math.round(growth / 1024 ** 2)} MiB`);
		});
	}
});

async function readSlowly(body: Readable, measure: () => number): Promise<{ received: number; mostBytes: number }> {
	let received = 0;
	let bite = 0;
	let mostBytes = 0;
	for await (const chunk of body as AsyncIterable<Buffer>) {
		received += chunk.length;
		bite += chunk.length;
		if (bite < biteBytes) continue;
		bite = 0;
		mostBytes = Math.max(mostBytes, measure());
		await new Promise((resolve) => setTimeout(resolve, restMs));
	}
	return { received, mostBytes };
}

function openHttp1(port: number, isTls: boolean): Promise<{ body: Readable; close: () => void }> {
	return new Promise((resolve, reject) => {
		const options = { host: "127.0.0.1", port, path: "/", agent: false };
		const call = isTls ? requestTls({ ...options, rejectUnauthorized: false }) : request(options);
		call.on("response", (body) => resolve({ body, close: () => call.destroy() }));
		call.on("error", reject);
		call.end();
	});
}

function openHttp2(origin: string): Promise<{ body: Readable; close: () => void }> {
	return new Promise((resolve, reject) => {
		const session = connectHttp2(origin, { rejectUnauthorized: false, settings: { initialWindowSize: 1 << 20 } });
		session.on("error", reject);
		const stream = session.request({ ":path": "/" });
		stream.on("error", reject);
		stream.on("response", () => resolve({ body: stream, close: () => session.destroy() }));
	});
}

function createBootstrap(backendPort: number, certificate: TestCertificate): object {
	const endpoints = [{ lb_endpoints: [{ endpoint: { address: socketAddress(backendPort) } }] }];
	const tls = typed("transport_sockets.tls.v3.DownstreamTlsContext", {
		common_tls_context: {
			alpn_protocols: ["h2", "http/1.1"],
			tls_certificates: [
				{
					certificate_chain: { inline_string: certificate.certificateChainPem },
					private_key: { inline_string: certificate.privateKeyPem },
				},
			],
		},
	});
	// The whole body takes longer than a route's usual limit.
	const routes = [{ match: { prefix: "/" }, route: { cluster: "c1", timeout: "0s" } }];
	const route_config = { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] };
	const chain = { filters: [managerFilter({ route_config })] };
	return {
		static_resources: {
			listeners: [
				{ name: "plain", address: socketAddress(0), filter_chains: [chain] },
				{
					name: "tls",
					address: socketAddress(0),
					filter_chains: [{ ...chain, transport_socket: { name: "envoy.transport_sockets.tls", typed_config: tls } }],
				},
			],
			clusters: [staticCluster("c1", { load_assignment: { cluster_name: "c1", endpoints } })],
		},
	};
}
