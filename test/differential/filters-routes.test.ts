/** What routes say about filters, level by level, and what filters do with messages that end in odd places. */
import { typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { type FilterCall, type FilterWorld, startFilterWorld } from "../support/filter-world.ts";

const filter = (name: string, type: string, fields: object) => ({
	name,
	typed_config: typed(`filters.http.${type}`, { ...fields }),
});
const turnedOn = { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", config: {} };
const everyone = [{ any: true }];
const deny = (fields: object) => ({
	rules: { action: "DENY", policies: { all: { permissions: everyone, principals: everyone } } },
	...fields,
});
const session = (kind: string, type: string, fields: object) => ({
	session_state: {
		name: `envoy.http.stateful_session.${kind}`,
		typed_config: typed(`http.stateful_session.${kind}.v3.${type}`, { ...fields }),
	},
});
const gzip = {
	name: "gz",
	typed_config: typed("compression.gzip.compressor.v3.Gzip", {}),
};
const log = (format: string) =>
	filter("show", "header_mutation.v3.HeaderMutation", {
		mutations: { response_mutations: [{ append: { header: { key: "x-seen", value: format } } }] },
	});

async function see(world: FilterWorld, listener: string, call: FilterCall) {
	const { status, headers, body, echo } = await world.call(listener, call);
	return { status, headers, body: echo === undefined ? body.toString("latin1") : "", path: echo?.path };
}

async function count(world: FilterWorld, pattern: string) {
	const { stats } = JSON.parse((await world.proxy.admin(`/stats?filter=${pattern}&format=json`)).body) as {
		stats: readonly { name: string; value: number }[];
	};
	return Object.fromEntries(stats.filter(({ value }) => value > 0).map(({ name, value }) => [name, value]));
}

compareWithEnvoy("filters and their routes", {
	start: (side) =>
		startFilterWorld(side, {
			session: {
				filters: [
					filter(
						"s",
						"stateful_session.v3.StatefulSession",
						session("cookie", "CookieBasedSessionState", { cookie: { name: "c" } }),
					),
				],
				virtualHost: {
					typed_per_filter_config: {
						s: typed("filters.http.stateful_session.v3.StatefulSessionPerRoute", {
							stateful_session: {
								...session("header", "HeaderBasedSessionState", { name: "x-s" }),
								stat_prefix: "host",
							},
						}),
					},
				},
				routes: [{ match: { prefix: "/on" }, route: { cluster: "up" }, typed_per_filter_config: { s: turnedOn } }],
			},
			rbac: {
				filters: [
					log("%DYNAMIC_METADATA(envoy.filters.http.rbac)%"),
					filter("r", "rbac.v3.RBAC", { rules_stat_prefix: "own.", shadow_rules_stat_prefix: "tried." }),
				],
				routes: [
					{
						match: { prefix: "/bare" },
						route: { cluster: "up" },
						typed_per_filter_config: {
							r: typed("filters.http.rbac.v3.RBACPerRoute", { rbac: deny({ shadow_rules: deny({}).rules }) }),
						},
					},
					{
						match: { prefix: "/named" },
						route: { cluster: "up" },
						typed_per_filter_config: {
							r: typed("filters.http.rbac.v3.RBACPerRoute", { rbac: deny({ rules_stat_prefix: "route." }) }),
						},
					},
				],
			},
			fault: {
				filters: [filter("f", "fault.v3.HTTPFault", { disable_downstream_cluster_stats: true })],
				virtualHost: {
					typed_per_filter_config: {
						f: typed("filters.http.fault.v3.HTTPFault", {
							abort: { http_status: 503, percentage: { numerator: 100 } },
						}),
					},
				},
			},
			limit: {
				filters: [
					filter("l", "local_ratelimit.v3.LocalRateLimit", {
						stat_prefix: "l",
						status: { code: 503 },
						enable_retry_after_header: true,
						filter_enabled: { default_value: { numerator: 100 } },
						filter_enforced: { default_value: { numerator: 100 } },
						token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: "600s" },
					}),
				],
			},
			methods: { filters: [filter("g", "grpc_stats.v3.FilterConfig", { stats_for_all_methods: false })] },
			nothing: {
				filters: [
					filter("hm", "header_mutation.v3.HeaderMutation", {
						mutations: {
							response_mutations: [
								{
									append: {
										header: { key: "content-type", value: "" },
										append_action: "APPEND_IF_EXISTS_OR_ADD",
										keep_empty_value: true,
									},
								},
							],
						},
					}),
				],
			},
			etag: {
				filters: [
					filter("c", "compressor.v3.Compressor", {
						compressor_library: gzip,
						response_direction_config: { disable_on_etag_header: true, weaken_etag_on_compress: true },
					}),
				],
			},
			gunzip: {
				filters: [
					filter("d", "decompressor.v3.Decompressor", {
						decompressor_library: { name: "d", typed_config: typed("compression.gzip.decompressor.v3.Gzip", {}) },
					}),
				],
			},
			web: { filters: [filter("w", "grpc_web.v3.GrpcWeb", {})] },
			empty: {
				filters: [log("%REQ(:AUTHORITY)%")],
				routes: [
					{
						match: {
							prefix: "/a",
							headers: [{ name: "x-a", present_match: true, treat_missing_header_as_empty: true }],
						},
						direct_response: { status: 201 },
					},
					{ match: { prefix: "/kept" }, route: { cluster: "up", auto_host_rewrite: false } },
				],
			},
		}),
	cases: {
		"a route that only turns a filter on leaves the config of the level above": {
			want: { status: 200, counts: { "stateful_session.host.failed_open": 1 } },
			see: async (world) => {
				const { status, headers } = await see(world, "session", { path: "/on" });
				const counts = await count(world, "stateful_session.host");
				return { status, headers: { ...headers, "x-s": typeof headers["x-s"] }, counts };
			},
		},
		"verdicts are noted below the filter's prefix where the route's rules have none": {
			want: { status: 403 },
			see: (world) => see(world, "rbac", { path: "/bare" }),
		},
		"and below the route's where they have one": {
			want: { status: 403 },
			see: (world) => see(world, "rbac", { path: "/named" }),
		},
		"faults are counted by source only where the filter lets them": {
			want: { counts: { "http.fault.fault.aborts_injected": 1 } },
			see: async (world) => {
				await see(world, "fault", { headers: { "x-envoy-downstream-service-cluster": "web" } });
				return { counts: await count(world, "^http.fault.fault.*aborts") };
			},
		},
		"only 429 says when to come again": {
			want: [200, 503],
			see: async (world) => {
				const answers = [await see(world, "limit", {}), await see(world, "limit", {})];
				return answers.map(({ status, headers }) => (headers["retry-after"] === undefined ? status : "retry-after"));
			},
		},
		"methods are not counted apart when that is false": {
			want: { counts: { "cluster.up.grpc.0": 1 } },
			see: async (world) => {
				await see(world, "methods", {
					method: "POST",
					path: "/p.S/M",
					headers: { "content-type": "application/grpc", "x-answer-grpc-status": "0" },
				});
				return { counts: await count(world, "^cluster.up.grpc") };
			},
		},
		"an empty value adds nothing to a field that a message has once": {
			want: { headers: { "content-type": "application/json" } },
			see: (world) => see(world, "nothing", {}),
		},
		"a tag that is weakened does not keep an answer as it is": {
			want: { status: 200, coding: "gzip", etag: 'W/"t"' },
			see: async (world) => {
				const { status, headers } = await see(world, "etag", {
					headers: { "accept-encoding": "gzip", "x-answer-etag": '"t"' },
				});
				return { status, coding: headers["content-encoding"], etag: headers["etag"] };
			},
		},
		"bodies that are no gzip are counted": {
			want: { counts: { "http.gunzip.decompressor.d.gzip.decompressor_library.zlib_data_error": 1 } },
			see: async (world) => {
				await see(world, "gunzip", { method: "POST", headers: { "content-encoding": "gzip" }, body: "no gzip at all" });
				return { counts: await count(world, "zlib_") };
			},
		},
		"base64 that is none and too short as well is none": {
			want: { status: 400 },
			see: async (world) => {
				const { status, headers } = await see(world, "web", {
					method: "POST",
					headers: { "content-type": "application/grpc-web-text" },
					body: "!!!!!",
				});
				return { status, headers };
			},
		},
		"a gRPC-Web answer to HEAD has no length of its own": {
			want: { status: 200 },
			see: (world) =>
				see(world, "web", { method: "HEAD", headers: { "content-type": "application/grpc-web", accept: "a/b" } }),
		},
		"the proxy's own answer to HEAD has no message for gRPC": {
			want: { status: 200 },
			see: (world) => see(world, "fault", { method: "HEAD", headers: { "content-type": "application/grpc" } }),
		},
		"a header that counts as empty where it is missing is present": {
			want: { status: 201 },
			see: (world) => see(world, "empty", { path: "/a" }),
		},
		"the host stays when auto_host_rewrite is false": {
			want: { status: 200, host: "kept.test" },
			see: async (world) => {
				const { headers, status } = await see(world, "empty", { path: "/kept", headers: { host: "kept.test" } });
				return { status, host: headers["x-seen"] };
			},
		},
	},
});
