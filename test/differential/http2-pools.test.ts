/** Connections to HTTP/2 upstreams: protocol by ALPN, limits of streams and requests, connections made ahead, PINGs without an answer. */
import { createSecureServer } from "node:http2";
import { createServer as createTlsServer } from "node:https";
import { createServer, type Server, type Socket } from "node:net";
import { managerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { eventually } from "../support/eventually.ts";
import { startH2Echo } from "../support/h2-echo.ts";
import { sendRequest } from "../support/http-call.ts";
import { createTestPki } from "../support/pki.ts";

const optionsKey = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

function options(fields: Record<string, unknown>): object {
	return { typed_extension_protocol_options: { [optionsKey]: typed("upstreams.http.v3.HttpProtocolOptions", fields) } };
}

const explicit = (http2: object): object => options({ explicit_http_config: { http2_protocol_options: http2 } });

function cluster(name: string, port: number, fields: object = {}): object {
	return {
		name,
		connect_timeout: "2s",
		load_assignment: {
			cluster_name: name,
			endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
		},
		...fields,
	};
}

async function listen(side: Side, server: Server): Promise<number> {
	const sockets = new Set<Socket>();
	const track = (socket: Socket): void => {
		sockets.add(socket);
		socket.on("error", () => undefined);
		socket.on("close", () => sockets.delete(socket));
	};
	server.on("connection", track);
	side.after(() => {
		for (const socket of sockets) socket.destroy();
		server.close();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const address = server.address();
	if (address === null || typeof address === "string") throw new Error("the server has no port");
	return address.port;
}

async function start(side: Side) {
	const pki = createTestPki();
	const own = pki.issue(pki.idOf("backend"));
	const identity = { cert: own.certificateChainPem, key: own.privateKeyPem };
	const both = createSecureServer({ ...identity, allowHTTP1: true }, (request, response) => {
		response.end(`HTTP/${request.httpVersion}`);
	});
	const old = createTlsServer(identity, (request, response) => {
		response.end(`HTTP/${request.httpVersion}`);
	});
	const mute = createServer((socket) => socket.resume());
	const [h2, h1, silent, echo] = await Promise.all([
		listen(side, both as unknown as Server),
		listen(side, old as unknown as Server),
		listen(side, mute),
		startH2Echo(side),
	]);
	const tls = { transport_socket: { name: "tls", typed_config: typed("transport_sockets.tls.v3.UpstreamTlsContext") } };
	const auto = { ...options({ auto_config: { http2_protocol_options: {} } }), ...tls };
	const names = ["auto-h2", "auto-h1", "explicit-h2", "limited", "breaker", "ahead", "silent"];
	const routes = names.map((name) => ({
		match: { prefix: `/${name}/` },
		route: { cluster: name, prefix_rewrite: "/", timeout: "3s" },
	}));
	const manager = managerFilter({
		route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
	});
	const proxy = await side.proxy({
		static_resources: {
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [
				cluster("auto-h2", h2, auto),
				cluster("auto-h1", h1, auto),
				cluster("explicit-h2", h2, { ...explicit({}), ...tls }),
				cluster("limited", echo.port, explicit({ max_concurrent_streams: 2 })),
				cluster("breaker", echo.port, { ...explicit({}), circuit_breakers: { thresholds: [{ max_requests: 1 }] } }),
				cluster("ahead", echo.port, { ...explicit({}), preconnect_policy: { per_upstream_preconnect_ratio: 1.5 } }),
				cluster(
					"silent",
					silent,
					explicit({ connection_keepalive: { interval: "0.2s", timeout: "0.2s", interval_jitter: { value: 0 } } }),
				),
			],
		},
	});
	return { proxy, port: await proxy.port("l") };
}

type World = Awaited<ReturnType<typeof start>>;

async function ask({ port }: World, path: string) {
	const { status, body } = await sendRequest({ port, path });
	return { status, body };
}

const counters = ({ proxy }: World, name: string): Promise<Record<string, number>> =>
	proxy.stats(
		`^cluster\\.${name}\\.(upstream_(cx_(http1_total|http2_total|total|overflow|max_requests)|rq_(total|pending_total|pending_overflow|active_overflow|503))|http2\\.keepalive_timeout)$`,
	);

compareWithEnvoy("connections to HTTP/2 upstreams", {
	start,
	cases: {
		"ALPN chooses HTTP/2": {
			want: { answer: { body: "HTTP/2.0" } },
			async see(world) {
				const answer = await ask(world, "/auto-h2/");
				await ask(world, "/auto-h2/");
				return { answer, counters: await counters(world, "auto-h2") };
			},
		},
		"ALPN chooses HTTP/1.1": {
			want: { answer: { body: "HTTP/1.1" } },
			async see(world) {
				const answer = await ask(world, "/auto-h1/");
				await ask(world, "/auto-h1/");
				return { answer, counters: await counters(world, "auto-h1") };
			},
		},
		"HTTP/2 over TLS without alpn_protocols": {
			want: { answer: { body: "HTTP/2.0" } },
			async see(world) {
				return { answer: await ask(world, "/explicit-h2/"), counters: await counters(world, "explicit-h2") };
			},
		},
		"no more streams than max_concurrent_streams": {
			want: { "cluster.limited.upstream_cx_http2_total": 2 },
			async see(world) {
				const pending: Promise<unknown>[] = [];
				for (let active = 1; active <= 4; active++) {
					pending.push(ask(world, "/limited/never").catch(() => undefined));
					await eventually(async () => {
						if ((await world.proxy.stat("cluster.limited.upstream_rq_active")) !== active) throw new Error("not yet");
					});
				}
				const seen = await counters(world, "limited");
				await Promise.all(pending);
				return seen;
			},
		},
		"no more requests than the circuit breaker lets through": {
			want: { statuses: [503, 504] },
			async see(world) {
				await ask(world, "/breaker/status/200");
				const first = ask(world, "/breaker/never");
				await eventually(async () => {
					if ((await world.proxy.stat("cluster.breaker.upstream_rq_active")) !== 1) throw new Error("not yet");
				});
				const second = await ask(world, "/breaker/status/200");
				return {
					statuses: [second.status, (await first).status],
					body: second.body,
					counters: await counters(world, "breaker"),
				};
			},
		},
		"connections made ahead": {
			want: { status: 200 },
			async see(world) {
				const { status } = await ask(world, "/ahead/status/200");
				await eventually(async () => {
					if ((await world.proxy.stat("cluster.ahead.upstream_cx_active")) === 0) throw new Error("none yet");
				});
				return { status, counters: await counters(world, "ahead") };
			},
		},
		"PINGs without an answer": {
			want: { status: 503 },
			async see(world) {
				const answer = await ask(world, "/silent/status/200");
				return { ...answer, counters: await counters(world, "silent") };
			},
		},
	},
});
