/** Listeners that only the proxy's own clusters connect to, and what connections bring along. */
import { managerFilter, routerFilter, socketAddress, typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { countAnswers, startNamedBackends } from "../support/named-backends.ts";

type Json = Record<string, unknown>;

const manager = (stat_prefix: string, routes: readonly Json[]): Json =>
	managerFilter({
		stat_prefix,
		http_filters: [routerFilter],
		route_config: { name: stat_prefix, virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
	});
const route = (path: string, cluster: string): Json => ({ match: { prefix: path }, route: { cluster } });
const cluster = (name: string, address: Json, endpoint: Json = {}, more: Json = {}): Json => ({
	name,
	load_assignment: {
		cluster_name: name,
		endpoints: [{ lb_endpoints: [{ endpoint: { address }, ...endpoint }] }],
	},
	...more,
});
const internalAddress = (server_listener_name: string): Json => ({ envoy_internal_address: { server_listener_name } });
const originalDst = "envoy.filters.listener.original_dst";

compareWithEnvoy("internal listeners", {
	async start(side) {
		const { portOf } = await startNamedBackends(side, ["a", "b"] as const);
		const outer = manager("outer", [
			route("/http", "to-http"),
			route("/tcp", "to-tcp"),
			route("/meant", "to-meant"),
			route("/none", "to-none"),
		]);
		const tcp = {
			name: "tcp",
			typed_config: typed("filters.network.tcp_proxy.v3.TcpProxy", { stat_prefix: "t", cluster: "b" }),
		};
		const meant = { filter_metadata: { [originalDst]: { local: `127.0.0.1:${portOf("b")}` } } };
		const proxy = await side.proxy({
			bootstrap_extensions: [
				{ name: "internal", typed_config: typed("bootstrap.internal_listener.v3.InternalListener") },
			],
			static_resources: {
				listeners: [
					{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [outer] }] },
					{
						name: "http",
						internal_listener: {},
						filter_chains: [{ filters: [manager("inner", [route("/", "a")])] }],
					},
					{ name: "tcp", internal_listener: {}, filter_chains: [{ filters: [tcp] }] },
					{
						name: "meant",
						internal_listener: {},
						listener_filters: [
							{ name: originalDst, typed_config: typed("filters.listener.original_dst.v3.OriginalDst") },
						],
						filter_chains: [{ filters: [manager("meant", [route("/", "anywhere")])] }],
					},
				],
				clusters: [
					cluster("a", socketAddress(portOf("a"))),
					cluster("b", socketAddress(portOf("b"))),
					cluster("to-http", internalAddress("http")),
					cluster("to-tcp", internalAddress("tcp")),
					cluster("to-none", internalAddress("none")),
					cluster(
						"to-meant",
						internalAddress("meant"),
						{ metadata: meant },
						{
							transport_socket: {
								name: "internal",
								typed_config: typed("transport_sockets.internal_upstream.v3.InternalUpstreamTransport", {
									passthrough_metadata: [{ kind: { host: {} }, name: originalDst }],
									transport_socket: { name: "raw", typed_config: typed("transport_sockets.raw_buffer.v3.RawBuffer") },
								}),
							},
						},
					),
					{ name: "anywhere", type: "ORIGINAL_DST", lb_policy: "CLUSTER_PROVIDED" },
				],
			},
		});
		return { proxy, port: await proxy.port("l") };
	},
	cases: {
		"a cluster reaches an HTTP listener within the proxy": {
			want: { answers: { a: 3 }, inner: 3, cluster: 3 },
			see: async ({ proxy, port }) => ({
				answers: await countAnswers(port, "/http", 3),
				inner: await proxy.stat("http.inner.downstream_rq_2xx"),
				cluster: await proxy.stat("cluster.to-http.upstream_rq_2xx"),
			}),
		},
		"bytes pass through a TCP listener within the proxy": {
			want: { answers: { b: 3 }, isCounted: true },
			see: async ({ proxy, port }) => ({
				answers: await countAnswers(port, "/tcp", 3),
				isCounted: (await proxy.stat("listener.envoy_internal_tcp.downstream_cx_total")) > 0,
			}),
		},
		"metadata of the host goes along, and says where the connection was meant to go": {
			want: { b: 3 },
			see: ({ port }) => countAnswers(port, "/meant", 3),
		},
		"a listener that is not there fails the connection": {
			want: { answers: { 503: 2 }, failed: 2 },
			see: async ({ proxy, port }) => ({
				answers: await countAnswers(port, "/none", 2),
				failed: await proxy.stat("cluster.to-none.upstream_cx_connect_fail"),
			}),
		},
	},
});
