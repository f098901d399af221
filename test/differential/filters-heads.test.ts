/** Filters that look at heads: what they change, refuse and count. */
import { typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { type FilterCall, type FilterWorld, startFilterWorld } from "../support/filter-world.ts";

const filter = (name: string, type: string, fields: object) => ({
	name,
	typed_config: typed(`filters.http.${type}`, { ...fields }),
});
const override = (name: string, type: string, fields: object) => ({
	[name]: typed(`filters.http.${type}`, { ...fields }),
});
const route = (path: string, more: object) => ({ match: { path }, route: { cluster: "up" }, ...more });
const always = { default_value: { numerator: 100, denominator: "HUNDRED" } };
const append = (key: string, value: string, action = "APPEND_IF_EXISTS_OR_ADD") => ({
	append: { header: { key, value }, append_action: action },
});
const bucket = (tokens: number) => ({ max_tokens: tokens, tokens_per_fill: 1, fill_interval: "600s" });
const limit = (fields: object) =>
	filter("rl", "local_ratelimit.v3.LocalRateLimit", {
		stat_prefix: "limit",
		filter_enabled: always,
		filter_enforced: always,
		...fields,
	});
const byHeader = (header_name: string, descriptor_key: string) => ({
	request_headers: { header_name, descriptor_key },
});
const session = (state: string, fields: object, more: object = {}) =>
	filter("ss", "stateful_session.v3.StatefulSession", {
		session_state: {
			name: `envoy.http.stateful_session.${state}`,
			typed_config: typed(`http.stateful_session.${state}.v3.${fields_of(state)}`, { ...fields }),
		},
		...more,
	});
const fields_of = (state: string): string =>
	state === "cookie" ? "CookieBasedSessionState" : "HeaderBasedSessionState";

/** What a client sees of an answer, and what the upstream saw of the request. */
async function see(world: FilterWorld, listener: string, call: FilterCall) {
	const { status, headers, body, echo } = await world.call(listener, call);
	return { status, headers, body: echo === undefined ? body.toString("latin1") : "", echo };
}

async function statuses(world: FilterWorld, listener: string, count: number, call: FilterCall): Promise<number[]> {
	const seen: number[] = [];
	for (let index = 0; index < count; index++) seen.push((await world.call(listener, call)).status);
	return seen;
}

compareWithEnvoy("filters of heads", {
	start: (side) =>
		startFilterWorld(
			side,
			{
				mutation: {
					filters: [
						filter("hm", "header_mutation.v3.HeaderMutation", {
							mutations: {
								request_mutations: [
									append("x-a", "1"),
									append("x-b", "2", "OVERWRITE_IF_EXISTS_OR_ADD"),
									append("x-c", "3", "ADD_IF_ABSENT"),
									append("x-d", "4", "OVERWRITE_IF_EXISTS"),
									{ remove: "x-gone" },
									{ remove_on_match: { key_matcher: { prefix: "x-pre-" } } },
									append("x-path", "%REQ(:PATH)%"),
								],
								query_parameter_mutations: [
									{ append: { record: { key: "q", value: "a b" }, action: "APPEND_IF_EXISTS_OR_ADD" } },
									{ remove: "secret" },
								],
								response_mutations: [append("x-code", "%RESPONSE_CODE%"), { remove: "x-hide" }],
							},
						}),
					],
					routes: [
						route("/levels", {
							typed_per_filter_config: override("hm", "header_mutation.v3.HeaderMutationPerRoute", {
								mutations: { request_mutations: [append("x-level", "route")] },
							}),
						}),
					],
					virtualHost: {
						typed_per_filter_config: override("hm", "header_mutation.v3.HeaderMutationPerRoute", {
							mutations: { request_mutations: [append("x-level", "host")] },
						}),
					},
				},
				csrf: {
					filters: [
						filter("csrf", "csrf.v3.CsrfPolicy", {
							filter_enabled: always,
							additional_origins: [{ suffix: ".ok.test" }],
						}),
					],
				},
				health: {
					filters: [
						filter("hc", "health_check.v3.HealthCheck", {
							pass_through_mode: false,
							cluster_min_healthy_percentages: { up: { value: 50 } },
							headers: [{ name: ":path", string_match: { exact: "/ready" } }],
						}),
					],
				},
				missing: {
					filters: [
						filter("hc", "health_check.v3.HealthCheck", {
							pass_through_mode: false,
							cluster_min_healthy_percentages: { nowhere: { value: 50 } },
							headers: [{ name: ":path", string_match: { exact: "/ready" } }],
						}),
					],
				},
				limit: {
					filters: [
						limit({
							token_bucket: bucket(2),
							enable_x_ratelimit_headers: "DRAFT_VERSION_03",
							response_headers_to_add: [{ header: { key: "x-limited", value: "yes" } }],
						}),
					],
				},
				descriptors: {
					filters: [
						limit({
							stat_prefix: "descriptors",
							token_bucket: bucket(1000),
							rate_limits: [
								{ actions: [byHeader("x-id", "id")] },
								{ actions: [byHeader("x-id", "id"), byHeader("x-two", "two")] },
								{
									actions: [
										{
											header_value_match: {
												descriptor_value: "gold",
												headers: [{ name: "x-gold", present_match: true }],
											},
										},
									],
									hits_addend: { number: 2 },
								},
							],
							descriptors: [
								{ entries: [{ key: "id", value: "a" }], token_bucket: bucket(2) },
								{ entries: [{ key: "id", value: "" }], token_bucket: bucket(1) },
								{
									entries: [
										{ key: "id", value: "a" },
										{ key: "two", value: "b" },
									],
									token_bucket: bucket(1),
								},
								{ entries: [{ key: "header_match", value: "gold" }], token_bucket: bucket(5) },
							],
						}),
					],
				},
				cookie: { filters: [session("cookie", { cookie: { name: "sticky", path: "/", ttl: "60s" } })] },
				header: { filters: [session("header", { name: "x-host" }, { strict: true })] },
				metadata: {
					filters: [
						filter("h2m", "header_to_metadata.v3.Config", {
							request_rules: [
								{
									header: "x-user",
									on_header_present: { metadata_namespace: "ns", key: "user" },
									on_header_missing: { metadata_namespace: "ns", key: "user", value: "nobody" },
									remove: true,
								},
								{ cookie: "age", on_header_present: { metadata_namespace: "ns", key: "age", type: "NUMBER" } },
							],
						}),
						filter("sm", "set_metadata.v3.Config", {
							metadata: [{ metadata_namespace: "ns", value: { fixed: "yes" }, allow_overwrite: true }],
						}),
						filter("hm", "header_mutation.v3.HeaderMutation", {
							mutations: { request_mutations: [append("x-ns", "%DYNAMIC_METADATA(ns)%")] },
						}),
					],
				},
			},
			2,
		),
	cases: {
		"header mutations by their actions": {
			want: { echo: { headers: { "x-a": "0, 1", "x-b": "2", "x-c": "0", "x-d": "4" } } },
			see: (world) =>
				see(world, "mutation", {
					path: "/p",
					headers: { "x-a": "0", "x-b": "0", "x-c": "0", "x-d": "0", "x-gone": "1", "x-pre-x": "1" },
				}).then(withoutHost),
		},
		"header mutations where there was nothing": {
			want: { echo: { headers: { "x-a": "1", "x-b": "2", "x-c": "3" } } },
			see: (world) => see(world, "mutation", {}).then(withoutHost),
		},
		"mutations of the query": {
			want: { echo: { path: "/p?a=1&q=z&q=a%20b" } },
			see: (world) => see(world, "mutation", { path: "/p?q=z&secret=1&a=1" }).then(withoutHost),
		},
		"mutations of answers": {
			want: { headers: { "x-code": "404" } },
			see: (world) =>
				see(world, "mutation", { headers: { "x-answer-status": "404", "x-answer-x-hide": "1" } }).then(withoutHost),
		},
		"mutations of two levels": {
			want: { echo: { headers: { "x-level": "route, host" } } },
			see: (world) => see(world, "mutation", { path: "/levels" }).then(withoutHost),
		},
		"a change from another origin": {
			want: { status: 403, body: "Invalid origin" },
			see: (world) => see(world, "csrf", { method: "POST", headers: { origin: "http://evil.test" } }),
		},
		"a change from the same origin": {
			want: { status: 200 },
			see: (world) => see(world, "csrf", { method: "POST", headers: { origin: "http://h.test" } }).then(withoutHost),
		},
		"a change from a further origin": {
			want: { status: 200 },
			see: (world) =>
				see(world, "csrf", { method: "DELETE", headers: { referer: "https://a.ok.test/page" } }).then(withoutHost),
		},
		"a change without an origin": { want: { status: 403 }, see: (world) => see(world, "csrf", { method: "PUT" }) },
		"origins are counted": {
			want: { "http.csrf.csrf.request_valid": 2, "http.csrf.csrf.request_invalid": 1 },
			see: ({ proxy }) => proxy.stats("^http\\.csrf\\.csrf\\."),
		},
		"a health check": { want: { status: 200 }, see: (world) => see(world, "health", { path: "/ready" }) },
		"a health check with a body": {
			want: { status: 200 },
			see: (world) => see(world, "health", { method: "POST", path: "/ready", body: "abc" }),
		},
		"a health check of a cluster that is not there": {
			want: { status: 503 },
			see: (world) => see(world, "missing", { path: "/ready" }),
		},
		"health checks count by themselves": {
			want: { "http.missing.health_check.failed_cluster_not_found": 1, "http.missing.downstream_rq_5xx": 0 },
			see: ({ proxy }) => proxy.stats("^http\\.(health|missing)\\.(health_check\\.|downstream_rq_.xx)"),
		},
		"a local rate limit": { want: [200, 200, 429], see: (world) => statuses(world, "limit", 3, {}) },
		"what a limit says": {
			want: { status: 429, body: "local_rate_limited", headers: { "x-limited": "yes", "x-ratelimit-limit": "2" } },
			see: (world) => see(world, "limit", {}),
		},
		"a limit towards gRPC": {
			want: { status: 200, headers: { "grpc-status": "14" } },
			see: (world) => see(world, "limit", { method: "POST", headers: { "content-type": "application/grpc" } }),
		},
		"a limit by a descriptor": {
			want: [200, 200, 429],
			see: (world) => statuses(world, "descriptors", 3, { headers: { "x-id": "a" } }),
		},
		"a limit by a descriptor that takes any value": {
			want: [
				[200, 429],
				[200, 429],
			],
			see: async (world) => [
				await statuses(world, "descriptors", 2, { headers: { "x-id": "p" } }),
				await statuses(world, "descriptors", 2, { headers: { "x-id": "q" } }),
			],
		},
		"hits that count twice": {
			want: [200, 200, 429],
			see: (world) => statuses(world, "descriptors", 3, { headers: { "x-gold": "1" } }),
		},
		"limits are counted": {
			want: { "limit.http_local_rate_limit.ok": 2 },
			see: ({ proxy }) => proxy.stats("^(limit|descriptors)\\.http_local_rate_limit\\."),
		},
		"a session's cookie leads to its host": {
			want: { same: true, again: undefined },
			async see(world) {
				const first = await world.call("cookie", {});
				const cookie = String(first.headers["set-cookie"]);
				const value = cookie.split(";")[0]!;
				const hosts = new Set<unknown>();
				let again: unknown;
				for (let index = 0; index < 6; index++) {
					const { echo, headers } = await world.call("cookie", { headers: { cookie: value } });
					hosts.add((echo as unknown as { host: string }).host);
					again = headers["set-cookie"];
				}
				return { same: hosts.size === 1, again, attributes: cookie.slice(cookie.indexOf(";")) };
			},
		},
		"a session's header leads to its host": {
			want: { hosts: ["host-0", "host-1"] },
			async see(world) {
				const hosts: unknown[] = [];
				for (const host of world.hosts) {
					const { echo } = await world.call("header", { headers: { "x-host": Buffer.from(host).toString("base64") } });
					hosts.push((echo as unknown as { host: string }).host);
				}
				return { hosts };
			},
		},
		"a strict session whose host is gone": {
			want: { status: 503, body: "no healthy upstream" },
			see: (world) => see(world, "header", { headers: { "x-host": Buffer.from("127.0.0.1:1").toString("base64") } }),
		},
		"metadata of headers and cookies": {
			want: { echo: { headers: { "x-ns": '{"age":7,"fixed":"yes","user":"eve"}' } } },
			see: (world) => see(world, "metadata", { headers: { "x-user": "eve", cookie: "a=b; age=7" } }).then(withoutHost),
		},
		"metadata of what is missing": {
			want: { echo: { headers: { "x-ns": '{"fixed":"yes","user":"nobody"}' } } },
			see: (world) => see(world, "metadata", {}).then(withoutHost),
		},
	},
});

/** Which host answers is the balancer's. */
function withoutHost<T extends { readonly echo: unknown }>(seen: T): T {
	return { ...seen, echo: seen.echo === undefined ? undefined : { ...(seen.echo as object), host: "" } };
}
