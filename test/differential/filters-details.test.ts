/** Fields of a message that come several times, and the corners of filters: what they take for an origin, an address, a source. */
import { typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { type FilterCall, type FilterWorld, startFilterWorld } from "../support/filter-world.ts";

const filter = (name: string, type: string, fields: object) => ({
	name,
	typed_config: typed(`filters.http.${type}`, { ...fields }),
});
const always = { default_value: { numerator: 100, denominator: "HUNDRED" } };
const append = (key: string, value: string) => ({ append: { header: { key, value } } });
const abort = { abort: { http_status: 503, percentage: { numerator: 100 } } };

async function see(world: FilterWorld, listener: string, call: FilterCall) {
	const { status, headers, trailers, body, echo } = await world.call(listener, call);
	return { status, headers, trailers, body: echo === undefined ? body.toString("latin1") : "", echo };
}

async function count(world: FilterWorld, prefix: string) {
	const { stats } = JSON.parse((await world.proxy.admin(`/stats?filter=^http.${prefix}&format=json`)).body) as {
		stats: readonly { name: string; value: number }[];
	};
	return Object.fromEntries(stats.filter(({ value }) => value > 0).map(({ name, value }) => [name, value]));
}

compareWithEnvoy("corners of filters", {
	start: (side) =>
		startFilterWorld(side, {
			plain: { filters: [] },
			cors: {
				filters: [filter("cors", "cors.v3.Cors", {})],
				virtualHost: {
					typed_per_filter_config: {
						cors: typed("filters.http.cors.v3.CorsPolicy", {
							allow_origin_string_match: [{ exact: "http://ok.test" }],
							expose_headers: "x-seen",
						}),
					},
				},
			},
			csrf: { filters: [filter("csrf", "csrf.v3.CsrfPolicy", { filter_enabled: always })] },
			fault: { filters: [filter("fault", "fault.v3.HTTPFault", abort)] },
			quiet: { filters: [filter("fault", "fault.v3.HTTPFault", { ...abort, disable_downstream_cluster_stats: true })] },
			source: {
				filters: [
					filter("rbac", "rbac.v3.RBAC", {
						rules: {
							policies: {
								local: {
									permissions: [{ any: true }],
									principals: [{ source_ip: { address_prefix: "127.0.0.1", prefix_len: 32 } }],
								},
							},
						},
					}),
				],
			},
			trailers: {
				filters: [
					filter("hm", "header_mutation.v3.HeaderMutation", {
						mutations: {
							request_trailers_mutations: [append("x-asked", "more")],
							response_trailers_mutations: [append("x-added", "%RESPONSE_CODE%"), { remove: "x-gone" }],
						},
					}),
				],
			},
			hostless: {
				filters: [
					filter("hm", "header_mutation.v3.HeaderMutation", { mutations: { request_mutations: [{ remove: "host" }] } }),
				],
			},
			statusless: {
				filters: [
					filter("hm", "header_mutation.v3.HeaderMutation", {
						mutations: { response_mutations: [{ remove_on_match: { key_matcher: { prefix: ":" } } }] },
					}),
				],
			},
			limited: {
				filters: [
					filter("limit", "local_ratelimit.v3.LocalRateLimit", {
						stat_prefix: "limit",
						filter_enabled: always,
						filter_enforced: always,
						token_bucket: { max_tokens: 100, tokens_per_fill: 100, fill_interval: "60s" },
						descriptors: [
							{
								entries: [{ key: "k", value: "%REQ(x-id)%" }],
								token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: "60s" },
							},
						],
						rate_limits: [{ actions: [{ generic_key: { descriptor_key: "k", descriptor_value: "%REQ(x-id)%" } }] }],
					}),
				],
			},
			state: {
				filters: [
					filter("fs", "set_filter_state.v3.Config", {
						on_request_headers: [
							{
								object_key: "key",
								factory_key: "envoy.string",
								format_string: { text_format_source: { inline_string: "%REQ(x-value)%" } },
							},
						],
					}),
					filter("hm", "header_mutation.v3.HeaderMutation", {
						mutations: { request_mutations: [append("x-state", "<%FILTER_STATE(key:PLAIN)%>")] },
					}),
				],
			},
		}),
	cases: {
		"fields that a request has once are joined": {
			want: { echo: { headers: { accept: "a/b,c/d", "x-free": "1, 2", authorization: "one,two" } } },
			see: (world) =>
				see(world, "plain", {
					headers: { accept: ["a/b", "c/d"], authorization: ["one", "two"], "x-free": ["1", "2"], via: ["1", "2"] },
				}),
		},
		"two origins are none that is allowed": {
			want: { status: 200, echo: { headers: { origin: "http://ok.test,http://evil.test" } } },
			see: (world) => see(world, "cors", { headers: { origin: ["http://ok.test", "http://evil.test"] } }),
		},
		"an origin that the browser hides is missing": {
			want: { status: 403, counts: { "http.csrf.csrf.missing_source_origin": 1 } },
			see: async (world) => {
				const headers = { host: "here.test", origin: "null", referer: "http://here.test/" };
				const { status, body } = await see(world, "csrf", { method: "POST", headers });
				return { status, body, counts: await count(world, "csrf.csrf") };
			},
		},
		"faults are counted by the cluster that asked": {
			want: { counts: { "http.fault.fault.aborts_injected": 2, "http.fault.fault.web.aborts_injected": 1 } },
			see: async (world) => {
				await see(world, "fault", {});
				await see(world, "fault", { headers: { "x-envoy-downstream-service-cluster": "web" } });
				return { counts: await count(world, "fault.fault") };
			},
		},
		"unless the filter says not to": {
			want: { counts: { "http.quiet.fault.aborts_injected": 1 } },
			see: async (world) => {
				await see(world, "quiet", { headers: { "x-envoy-downstream-service-cluster": "web" } });
				return { counts: await count(world, "quiet.fault") };
			},
		},
		"source_ip is the connection's address, whatever is forwarded": {
			want: { status: 200 },
			see: (world) => see(world, "source", { headers: { "x-forwarded-for": "1.2.3.4" } }),
		},
		"trailers are changed": {
			want: { trailers: { "x-added": "200", "x-kept": "1" } },
			see: (world) => see(world, "trailers", { headers: { "x-trailer-x-gone": "1", "x-trailer-x-kept": "1" } }),
		},
		"a host that was removed is not sent, which the server minds": {
			want: { status: 400 },
			see: async (world) => {
				const { status, body } = await see(world, "hostless", {});
				return { status, body };
			},
		},
		"an answer whose status was removed is none": {
			want: { status: 502, body: "missing required header: :status" },
			see: (world) => see(world, "statusless", {}),
		},
		"values of the local limit's own descriptors are texts as they stand": {
			want: [200, 429],
			see: async (world) => [
				(await see(world, "limited", { headers: { "x-id": "7" } })).status,
				(await see(world, "limited", { headers: { "x-id": "8" } })).status,
			],
		},
		"an origin without a host is another one": {
			want: { status: 403, counts: { "http.csrf.csrf.request_invalid": 1 } },
			see: async (world) => {
				const { status } = await see(world, "csrf", {
					method: "POST",
					headers: { host: "here.test", origin: "http://" },
				});
				return { status, counts: await count(world, "csrf.csrf") };
			},
		},
		"a missing part of a filter state's text is a dash": {
			want: { echo: { headers: { "x-state": "<->" } } },
			see: (world) => see(world, "state", {}),
		},
	},
});
