/** HTTP filters behind the router: of clusters, and of routers for clusters without any. */
import { managerFilter, oneHost, socketAddress, typed } from "../support/bootstraps.ts";
import { plainCluster } from "../support/call-out-clusters.ts";
import { compareWithEnvoy, type Side } from "../support/differential.ts";
import { type HttpCall, sendRequest } from "../support/http-call.ts";
import type { ProxyProcess } from "../support/proxy-process.ts";
import { startSeenBackend } from "../support/seen-backend.ts";

type Json = Record<string, unknown>;

const codec: Json = {
	name: "envoy.filters.http.upstream_codec",
	typed_config: typed("filters.http.upstream_codec.v3.UpstreamCodec"),
};
const append = (key: string, value: string, action = "APPEND_IF_EXISTS_OR_ADD"): Json => ({
	append: { header: { key, value }, append_action: action },
});
const mutation = (mutations: Json, fields: Json = {}): Json => ({
	name: "mutation",
	typed_config: typed("filters.http.header_mutation.v3.HeaderMutation", { mutations }),
	...fields,
});
const injector = (secret: string, fields: Json = {}): Json => ({
	name: "injector",
	typed_config: typed("filters.http.credential_injector.v3.CredentialInjector", {
		credential: {
			name: "envoy.http.injected_credentials.generic",
			typed_config: typed("http.injected_credentials.generic.v3.Generic", { credential: { name: secret } }),
		},
		...fields,
	}),
});
const buffer = (max_request_bytes: number): Json => ({
	name: "buffer",
	typed_config: typed("filters.http.buffer.v3.Buffer", { max_request_bytes }),
});

const seenFields = {
	request_mutations: [
		append("x-cluster", "%UPSTREAM_CLUSTER%"),
		append("x-route", "%ROUTE_NAME%"),
		append("x-attempt", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%"),
		append("x-times", "1"),
		{ remove: "x-gone" },
	],
	response_mutations: [append("x-behind", "%RESPONSE_CODE% %RESPONSE_CODE_DETAILS%"), { remove: "x-backend" }],
};

const perRoute = (name: string, type: string, fields: Json): Json => ({
	typed_per_filter_config: { [name]: typed(type, fields) },
});

const compressor: Json = {
	name: "compressor",
	typed_config: typed("filters.http.compressor.v3.Compressor", {
		compressor_library: { name: "gz", typed_config: typed("compression.gzip.compressor.v3.Gzip") },
		response_direction_config: { common_config: { min_content_length: 30, content_type: ["application/json"] } },
	}),
};
/** A mutation for requests that ask for it. */
const chosen: Json = {
	name: "composite",
	typed_config: {
		"@type": "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher",
		extension_config: { name: "composite", typed_config: typed("filters.http.composite.v3.Composite") },
		xds_matcher: {
			matcher_tree: {
				input: {
					name: "input",
					typed_config: {
						"@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
						header_name: "x-choose",
					},
				},
				exact_match_map: {
					map: {
						yes: {
							action: {
								name: "action",
								typed_config: typed("filters.http.composite.v3.ExecuteFilterAction", {
									typed_config: mutation({ request_mutations: [append("x-chosen", "1")] }),
								}),
							},
						},
					},
				},
			},
		},
	},
};

const guard: Json = {
	name: "guard",
	typed_config: typed("filters.http.rbac.v3.RBAC", {
		rules: {
			action: "DENY",
			policies: {
				posts: {
					permissions: [{ header: { name: ":method", string_match: { exact: "POST" } } }],
					principals: [{ any: true }],
				},
			},
		},
	}),
};

const secret = (name: string, text: string): Json => ({ name, generic_secret: { secret: { inline_string: text } } });

/** A cluster whose attempts pass `filters`. */
function filtered(cluster: object, filters: readonly Json[]): object {
	return {
		...cluster,
		typed_extension_protocol_options: {
			"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": typed("upstreams.http.v3.HttpProtocolOptions", {
				explicit_http_config: { http_protocol_options: {} },
				http_filters: filters,
			}),
		},
	};
}

async function start(side: Side): Promise<ProxyProcess> {
	const backend = await startSeenBackend(side);
	const at = (name: string) => plainCluster(name, backend);
	const nobody = (name: string) => plainCluster(name, 1);
	const to = (cluster: string, fields: Json = {}, action: Json = {}): Json => ({
		name: cluster,
		match: { prefix: `/${cluster}` },
		route: { cluster, ...action },
		...fields,
	});
	const retried = {
		retry_policy: { retry_on: "5xx,connect-failure", num_retries: 2, retry_back_off: { base_interval: "0.01s" } },
	};
	const manager = managerFilter({
		access_log: [
			{
				name: "stdout",
				typed_config: typed("access_loggers.stream.v3.StdoutAccessLog", {
					log_format: {
						text_format_source: {
							inline_string:
								"<%REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT%>\n",
						},
					},
				}),
			},
		],
		http_filters: [
			mutation({ response_mutations: [append("x-front", "1")] }, { name: "front" }),
			{
				name: "envoy.filters.http.router",
				typed_config: typed("filters.http.router.v3.Router", {
					upstream_http_filters: [mutation({ request_mutations: [append("x-router", "1")] }), codec],
				}),
			},
		],
		route_config: oneHost([
			to(
				"own-route",
				perRoute("mutation", "filters.http.header_mutation.v3.HeaderMutationPerRoute", {
					mutations: { request_mutations: [append("x-of-route", "1")] },
				}),
			),
			to("own-off", {
				typed_per_filter_config: {
					mutation: { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", disabled: true },
				},
			}),
			to("own"),
			to("retried", {}, retried),
			to(
				"answered",
				{},
				{
					retry_policy: {
						retry_on: "retriable-status-codes",
						retriable_status_codes: [200],
						num_retries: 1,
						retry_back_off: { base_interval: "0.01s" },
					},
				},
			),
			to("secret"),
			to("dead-unsecret", {}, retried),
			to("unsecret"),
			to("small"),
			to("mirrored", {}, { request_mirror_policies: [{ cluster: "own" }] }),
			to("missing-path"),
			to("plain"),
			{
				match: { prefix: "/direct" },
				direct_response: { status: 200, body: { inline_string: "direct" } },
				...perRoute("front", "filters.http.header_mutation.v3.HeaderMutationPerRoute", {
					mutations: { request_mutations: [{ remove: ":path" }] },
				}),
			},
			to("guarded"),
			to("pressed"),
			to("bare"),
			to("chosen"),
			to("admitted"),
		]),
	});
	return side.proxy({
		static_resources: {
			secrets: [secret("key", "Bearer me"), secret("none", "")],
			listeners: [{ name: "l", address: socketAddress(0), filter_chains: [{ filters: [manager] }] }],
			clusters: [
				at("plain"),
				at("mirrored"),
				filtered(at("own"), [mutation(seenFields), codec]),
				filtered(at("own-route"), [mutation(seenFields), codec]),
				filtered(at("own-off"), [mutation(seenFields), codec]),
				filtered(nobody("retried"), [mutation(seenFields), codec]),
				filtered(at("answered"), [mutation(seenFields), codec]),
				filtered(at("secret"), [injector("key", { overwrite: true }), codec]),
				filtered(at("unsecret"), [injector("none"), codec]),
				filtered(nobody("dead-unsecret"), [injector("none"), codec]),
				filtered(at("small"), [buffer(10), codec]),
				filtered(at("bare"), [codec]),
				filtered(at("guarded"), [guard, codec]),
				filtered(at("pressed"), [compressor, codec]),
				filtered(at("chosen"), [chosen, codec]),
				filtered(at("admitted"), [
					{
						name: "admission",
						typed_config: typed("filters.http.admission_control.v3.AdmissionControl", {
							success_criteria: { http_criteria: { http_success_status: [{ start: 200, end: 300 }] } },
						}),
					},
					codec,
				]),
				filtered(at("missing-path"), [mutation({ request_mutations: [{ remove: ":path" }] }), codec]),
			],
		},
	});
}

const ignored = /^(date|x-envoy-upstream-service-time|connection|keep-alive)$/;

const simple = (path: string, want: object, call: Partial<HttpCall> = {}) => ({
	want,
	async see(proxy: ProxyProcess) {
		const { status, body, headers } = await sendRequest({ port: await proxy.port("l"), path, ...call });
		const shown = Object.fromEntries(Object.entries(headers).filter(([name]) => !ignored.test(name)));
		return { status, body: body.startsWith("{") ? (JSON.parse(body) as unknown) : body, headers: shown };
	},
});

const post: Partial<HttpCall> = { method: "POST", body: "some body" };

compareWithEnvoy("HTTP filters behind the router", {
	start,
	cases: {
		"of a cluster": simple("/own", { status: 200 }, { headers: { "x-gone": "1" } }),
		"of a cluster, with a body": simple("/own", { status: 200 }, post),
		"with more said by the route": simple("/own-route", { status: 200 }),
		"off by the route": simple("/own-off", { status: 200 }),
		"of the router": simple("/plain", { status: 200 }, post),
		"run for every attempt": simple("/answered", { status: 200 }, post),
		"run although there is no connection": simple("/retried", { status: 503 }, post),
		"a credential": simple("/secret", { status: 200 }, { headers: { authorization: "old" } }),
		"no credential": simple("/unsecret", { status: 401 }, post),
		"no credential and no connection": simple("/dead-unsecret", { status: 401 }),
		"a body that is held": simple("/small", { status: 200 }, post),
		"a body that is too large": simple("/small", { status: 413 }, { method: "POST", body: "x".repeat(2000) }),
		"a request without a path": simple("/missing-path", { status: 503 }),
		"a body that is compressed": {
			want: { status: 200, encoding: "gzip" },
			async see(proxy) {
				const call = { path: "/pressed", headers: { "accept-encoding": "gzip" } };
				const { status, headers } = await sendRequest({ port: await proxy.port("l"), ...call });
				return { status, encoding: headers["content-encoding"], vary: headers["vary"] };
			},
		},
		"chosen by a matcher": simple("/chosen", { status: 200 }, { headers: { "x-choose": "yes" } }),
		"not chosen": simple("/chosen", { status: 200 }),
		"none of a cluster in place of the router's": simple("/bare", { status: 200 }, post),
		"admission control": simple("/admitted", { status: 200 }),
		"a request without a path that goes nowhere": simple("/direct", { status: 200 }),
		"a guard that lets pass": simple("/guarded", { status: 200 }),
		"a guard that does not": simple("/guarded", { status: 403 }, post),
		"beside shadows": simple("/mirrored", { status: 200 }),
		counters: {
			want: {},
			see: (proxy) =>
				proxy.stats(
					"^cluster\\.guarded\\.rbac|^cluster\\.(own|answered|unsecret|small|dead-unsecret|secret|pressed|chosen|admitted)\\.(credential_injector|compressor|composite|admission_control|upstream_rq_(total|[0-9]|retry$|tx_reset|completed|active$))",
				),
		},
		"what is logged": {
			want: { length: 20 },
			async see(proxy) {
				await proxy.stop();
				const lines = [...proxy.stdout().matchAll(/<(\/[^>]+)>/g)].map(([, line]) => line).sort();
				return { length: lines.length, lines };
			},
		},
	},
});
