/** TCP proxying and the network filters before it: bytes, ends, counters, access logs. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { socketAddress, staticCluster, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { findFreePort } from "../support/free-port.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startGreeter, talk } from "../support/tcp-talk.ts";

interface World {
	readonly proxy: ProxyProcess;
	readonly port: (listener: string) => Promise<number>;
	readonly log: () => string[];
}

const network = "filters.network";
const format =
	"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %RESPONSE_FLAGS% %UPSTREAM_CLUSTER% %BYTES_RECEIVED% %BYTES_SENT% %CONNECTION_TERMINATION_DETAILS% %UPSTREAM_REQUEST_ATTEMPT_COUNT% %UPSTREAM_TRANSPORT_FAILURE_REASON% %FILTER_CHAIN_NAME% %ACCESS_LOG_TYPE%\n";

function tcp(path: string, fields: object): object {
	const log = {
		name: "file",
		typed_config: typed("access_loggers.file.v3.FileAccessLog", {
			path,
			log_format: { text_format_source: { inline_string: format } },
		}),
	};
	return {
		name: "tcp",
		typed_config: typed(`${network}.tcp_proxy.v3.TcpProxy`, { stat_prefix: "t", access_log: [log], ...fields }),
	};
}

function filter(type: string, fields: object = {}): object {
	return { name: type, typed_config: typed(`${network}.${type}`, fields as never) };
}

function endpoints(name: string, ...ports: readonly number[]): object {
	const hosts = ports.map((port) => ({ endpoint: { address: socketAddress(port) } }));
	return { cluster_name: name, endpoints: [{ lb_endpoints: hosts }] };
}

async function start(side: Side): Promise<World> {
	const one = await startGreeter(side, "one");
	const two = await startGreeter(side, "two");
	const dead = await findFreePort();
	const path = join(side.folder, "access.log");
	const listener = (name: string, filters: readonly object[], more: object = {}): object => ({
		name,
		address: socketAddress(0),
		filter_chains: [{ name: `${name} chain`, filters }],
		...more,
	});
	const answer = (text: string): object => filter("direct_response.v3.Config", { response: { inline_string: text } });
	const rules = (action: string, ip: string, bits: number): object => ({
		action,
		policies: {
			p: { permissions: [{ any: true }], principals: [{ direct_remote_ip: { address_prefix: ip, prefix_len: bits } }] },
		},
	});
	const bucket = { max_tokens: 2, tokens_per_fill: 2, fill_interval: "600s" };
	const stated = (key: string, value: string, more: object = {}): object => ({
		object_key: key,
		format_string: { text_format_source: { inline_string: value } },
		...more,
	});
	const cluster = (name: string, ...ports: readonly number[]): object =>
		staticCluster(name, { load_assignment: endpoints(name, ...ports) } as never);
	const proxy = await side.proxy({
		static_resources: {
			listeners: [
				listener("plain", [tcp(path, { cluster: "one" })]),
				listener("dead", [tcp(path, { cluster: "dead", max_connect_attempts: 3 })]),
				listener("missing", [tcp(path, { cluster: "nowhere" })]),
				listener("empty", [tcp(path, { cluster: "empty" })]),
				listener("idle", [tcp(path, { cluster: "one", idle_timeout: "0.2s" })]),
				listener("short", [tcp(path, { cluster: "one", max_downstream_connection_duration: "0.2s" })]),
				listener("narrow", [tcp(path, { cluster: "narrow" })]),
				listener("waits", [
					tcp(path, { cluster: "one", upstream_connect_mode: "ON_DOWNSTREAM_DATA", max_early_data_bytes: 100 }),
				]),
				listener("weighted", [
					tcp(path, { weighted_clusters: { clusters: ["one", "two"].map((name) => ({ name, weight: 1 })) } }),
				]),
				listener("allowed", [
					filter("rbac.v3.RBAC", { stat_prefix: "yes.", rules: rules("ALLOW", "127.0.0.0", 8) }),
					tcp(path, { cluster: "one" }),
				]),
				listener("denied", [
					filter("rbac.v3.RBAC", { stat_prefix: "no.", rules: rules("ALLOW", "10.0.0.0", 8) }),
					tcp(path, { cluster: "quiet" }),
				]),
				listener("limited", [
					filter("local_ratelimit.v3.LocalRateLimit", { stat_prefix: "lrl", token_bucket: bucket }),
					tcp(path, { cluster: "one" }),
				]),
				listener("counted", [
					filter("connection_limit.v3.ConnectionLimit", { stat_prefix: "lim", max_connections: 1 }),
					answer("welcome"),
				]),
				listener("stated", [
					filter("set_filter_state.v3.Config", { on_new_connection: [stated("envoy.tcp_proxy.cluster", "two")] }),
					tcp(path, { cluster: "one" }),
				]),
				listener("echo", [filter("echo.v3.Echo")]),
				listener("answer", [answer("bye\n")]),
				listener("sources", [], {
					filter_chains: [
						{ filters: [answer("loopback")], filter_chain_match: { source_type: "SAME_IP_OR_LOOPBACK" } },
						{ filters: [answer("elsewhere")], filter_chain_match: { source_type: "EXTERNAL" } },
					],
				}),
				listener("protocols", [], {
					listener_filters: [{ name: "http", typed_config: typed("filters.listener.http_inspector.v3.HttpInspector") }],
					filter_chains: [
						{ filters: [answer("eleven")], filter_chain_match: { application_protocols: ["http/1.1"] } },
						{ filters: [answer("two")], filter_chain_match: { application_protocols: ["h2c"] } },
					],
					default_filter_chain: { filters: [answer("other")] },
				}),
				listener("nobody", [], {
					filter_chains: [{ filters: [answer("x")], filter_chain_match: { source_type: "EXTERNAL" } }],
				}),
			],
			clusters: [
				cluster("one", one),
				cluster("two", two),
				cluster("dead", dead),
				cluster("empty"),
				{ ...cluster("narrow", one), circuit_breakers: { thresholds: [{ max_connections: 1 }] } },
				cluster("quiet", one),
			],
		},
	});
	const log = (): string[] =>
		readFileSync(path, "utf8")
			.split("\n")
			.filter((line) => line !== "");
	return { proxy, port: (name) => proxy.port(name), log };
}

const see =
	(listener: string, options: Omit<Parameters<typeof talk>[0], "port"> = {}) =>
	async ({ port }: World): Promise<unknown> =>
		talk({ port: await port(listener), ...options });

compareWithEnvoy("layer 4", {
	start,
	cases: {
		"bytes go both ways": {
			want: { heard: "hello one\necho:abc" },
			see: see("plain", { send: [{ after: "hello one\n", bytes: "abc" }], until: "echo:abc" }),
		},
		"a half close goes through": {
			want: { heard: "hello one\necho:abc", end: "fin" },
			see: see("plain", { send: [{ after: "hello one\n", bytes: "abc" }], half: true }),
		},
		"an endpoint that refuses": { want: { heard: "", end: "fin" }, see: see("dead") },
		"a cluster that is not there": { want: { heard: "", end: "fin" }, see: see("missing") },
		"a cluster without endpoints": { want: { heard: "", end: "fin" }, see: see("empty") },
		"an idle connection ends": { want: { heard: "hello one\n", end: "fin" }, see: see("idle") },
		"a connection has its time": { want: { heard: "hello one\n", end: "fin" }, see: see("short") },
		"a circuit breaker of one connection": {
			want: { second: { heard: "", end: "fin" } },
			async see({ port }) {
				const socket = connect(await port("narrow"), "127.0.0.1");
				await once(socket, "data");
				const second = await talk({ port: await port("narrow") });
				socket.destroy();
				return { second };
			},
		},
		"the upstream waits for the first byte": {
			want: { heard: "hello one\necho:abc" },
			see: see("waits", { send: [{ bytes: "abc" }], until: "echo:abc" }),
		},
		"both clusters get their share": {
			want: ["hello one\n", "hello two\n"],
			async see({ port }) {
				const weighted = await port("weighted");
				const heard = new Set<string>();
				for (let round = 0; round < 40; round++) heard.add((await talk({ port: weighted, until: "\n" })).heard);
				return [...heard].sort();
			},
		},
		"a peer that RBAC allows": {
			want: { heard: "hello one\necho:abc" },
			see: see("allowed", { send: [{ after: "hello one\n", bytes: "abc" }], until: "echo:abc" }),
		},
		"a peer that RBAC denies is closed with its first byte": {
			want: { end: "fin" },
			async see({ port }) {
				const { end } = await talk({ port: await port("denied"), send: [{ bytes: "abc" }] });
				return { end };
			},
		},
		"RBAC counts": {
			want: { "yes.rbac.allowed": 1, "no.rbac.denied": 1 },
			see: ({ proxy }) => proxy.stats("\\.rbac\\.(allowed|denied)$"),
		},
		"connections over a rate": {
			want: ["hello one\n", "hello one\n", ""],
			async see({ port }) {
				const limited = await port("limited");
				const heard: string[] = [];
				for (let round = 0; round < 3; round++) heard.push((await talk({ port: limited, until: "\n" })).heard);
				return heard;
			},
		},
		"limits count": {
			want: { "local_rate_limit.lrl.rate_limited": 1 },
			see: ({ proxy }) => proxy.stats("rate_limited$"),
		},
		"connections under a limit": { want: { heard: "welcome", end: "fin" }, see: see("counted") },
		"filter state names the cluster": { want: { heard: "hello two\n" }, see: see("stated", { until: "\n" }) },
		"an echo": { want: { heard: "abc" }, see: see("echo", { send: [{ bytes: "abc" }], until: "abc" }) },
		"a direct answer": { want: { heard: "bye\n", end: "fin" }, see: see("answer") },
		"a loopback source": { want: { heard: "loopback" }, see: see("sources") },
		"another loopback address is external": {
			want: { heard: "elsewhere" },
			see: see("sources", { from: "127.0.0.2" }),
		},
		"HTTP/1.1 is seen": {
			want: { heard: "eleven" },
			see: see("protocols", { send: [{ bytes: "GET / HTTP/1.1\r\n\r\n" }] }),
		},
		"HTTP/2 is seen": {
			want: { heard: "two" },
			see: see("protocols", { send: [{ bytes: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" }] }),
		},
		"what is no HTTP takes the default chain": {
			want: { heard: "other" },
			see: see("protocols", { send: [{ bytes: "get / http/1.1\r\n\r\n" }] }),
		},
		"no chain matches": { want: { heard: "", end: "fin" }, see: see("nobody") },
		"counters of the filter": {
			want: {
				"tcp.t.downstream_cx_no_route": 1,
				"tcp.t.idle_timeout": 1,
				"tcp.t.max_downstream_connection_duration": 1,
			},
			see: ({ proxy }) => proxy.stats("^tcp\\.t\\.(downstream_cx_(no_route|total)|idle_timeout|max_downstream.*)$"),
		},
		"counters of a cluster that refuses": {
			want: { "cluster.dead.upstream_cx_connect_fail": 3 },
			see: ({ proxy }) => proxy.stats("^cluster\\.dead\\.upstream_cx_(connect_.*|total|destroy.*)$"),
		},
		"access logs": {
			want: [],
			async see({ proxy, log }) {
				await proxy.stop();
				const lines = log().filter((line) => !/ (denied|weighted) chain /.test(line));
				return [...new Set(lines)].sort();
			},
		},
	},
});
