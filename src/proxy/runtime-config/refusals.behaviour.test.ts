import assert from "node:assert/strict";
import { test } from "node:test";
import {
	type BootstrapParts,
	managerOf,
	problemsOf,
	routerFilter,
	staticCluster,
	translated,
	typed,
} from "../../../test/support/bootstraps.ts";

const routes = (...list: unknown[]) => ({
	route_config: { name: "r", virtual_hosts: [{ name: "v", domains: ["*"], routes: list }] },
});
const route = (action: Record<string, unknown>, match: Record<string, unknown> = { prefix: "/" }): BootstrapParts => ({
	manager: routes({ match, route: { cluster: "c1", ...action } }),
});
const cluster = (fields: Record<string, unknown>): BootstrapParts => ({ clusters: [staticCluster("c1", fields)] });
const oneRoute = "hcm.route_config.virtual_hosts[0].routes[0]";

const refused: readonly [what: string, parts: BootstrapParts, problems: readonly string[]][] = [
	[
		"an unsupported field that is set",
		{ manager: { proxy_status_config: {} } },
		["hcm.proxy_status_config: this field is not supported"],
	],
	[
		"scopes without a key or a source",
		{ manager: { scoped_routes: { name: "s" }, route_config: undefined } },
		[
			"hcm.scoped_routes: one of scoped_route_configurations_list, scoped_rds must be set",
			"hcm.scoped_routes.scope_key_builder: this field is required",
		],
	],
	[
		"a rate limit without actions",
		route({ rate_limits: [{}] }),
		[`${oneRoute}.route.rate_limits[0].actions: needs at least 1 item(s)`],
	],
	["an unknown cluster", route({ cluster: "nope" }), [`${oneRoute}.route.cluster: unknown cluster 'nope'`]],
	[
		"an unknown weighted cluster",
		route({ cluster: undefined, weighted_clusters: { clusters: [{ name: "nope", weight: 1 }] } }),
		[`${oneRoute}.route.weighted_clusters.clusters[0].name: unknown cluster 'nope'`],
	],
	[
		"weights of zero",
		route({ cluster: undefined, weighted_clusters: { clusters: [{ name: "c1", weight: 0 }] } }),
		[`${oneRoute}.route.weighted_clusters: the sum of weights must be greater than 0`],
	],
	[
		"a bad regex",
		route({}, { safe_regex: { regex: "(" } }),
		[`${oneRoute}.match.safe_regex.regex: invalid regex '(': missing closing )`],
	],
	[
		"a route without match",
		{ manager: routes({ route: { cluster: "c1" } }) },
		[`${oneRoute}.match: this field is required`],
	],
	[
		"two rewrites of the path",
		route({ prefix_rewrite: "/a", regex_rewrite: { pattern: { regex: "a" }, substitution: "b" } }),
		[`${oneRoute}.route: only one of prefix_rewrite and regex_rewrite may be set`],
	],
	[
		"a route without action",
		{ manager: routes({ match: { prefix: "/" } }) },
		[`${oneRoute}: one of route, redirect, direct_response, filter_action, non_forwarding_action must be set`],
	],
	[
		"a direct response of 4097 bytes",
		{
			manager: routes({
				match: { prefix: "/" },
				direct_response: { status: 200, body: { inline_string: "x".repeat(4097) } },
			}),
		},
		[`${oneRoute}.direct_response.body: response body size is 4097 bytes; maximum is 4096`],
	],
	[
		"an operation on a pseudo header",
		{
			manager: routes({
				match: { prefix: "/" },
				route: { cluster: "c1" },
				request_headers_to_add: [{ header: { key: ":path", value: "/" } }],
			}),
		},
		[`${oneRoute}.request_headers_to_add[0].header.key: :-prefixed or host headers may not be modified`],
	],
	[
		"an unknown operator",
		{
			manager: routes({
				match: { prefix: "/" },
				route: { cluster: "c1" },
				request_headers_to_add: [{ header: { key: "a", value: "%NOPE%" } }],
			}),
		},
		[`${oneRoute}.request_headers_to_add[0].header.value: not supported field in a format: NOPE`],
	],
	[
		"a router that is not the last filter",
		{ manager: { http_filters: [routerFilter, { name: "rbac", typed_config: typed("filters.http.rbac.v3.RBAC") }] } },
		[
			"hcm.http_filters[0]: terminal filter envoy.filters.http.router must be the last filter of the chain",
			"hcm.http_filters[1]: the last filter must be the router, not rbac",
		],
	],
	[
		"an unknown filter",
		{
			manager: {
				http_filters: [{ name: "odd", typed_config: { "@type": "type.googleapis.com/no.such.Filter" } }, routerFilter],
			},
		},
		["hcm.http_filters[0].typed_config: HTTP filter type.googleapis.com/no.such.Filter is not supported"],
	],
	["HTTP/3", { manager: { codec_type: "HTTP3" } }, ["hcm.codec_type: only AUTO, HTTP1 and HTTP2 are supported"]],
	[
		"a filter that is none",
		{
			manager: {
				http_filters: [{ name: "odd", typed_config: typed("load_balancing_policies.random.v3.Random") }, routerFilter],
			},
		},
		[
			"hcm.http_filters[0].typed_config: HTTP filter envoy.extensions.load_balancing_policies.random.v3.Random is not supported",
		],
	],
	["an empty stat_prefix", { manager: { stat_prefix: "" } }, ["hcm.stat_prefix: must have at least 1 character(s)"]],
	["a listener without chains", { listener: { filter_chains: [] } }, ["listeners[0]: no filter chains specified"]],
	[
		"two chains of one match",
		{ listener: { filter_chains: [{}, {}] } },
		["listeners[0].filter_chains[1]: multiple filter chains with overlapping matching rules are defined"],
	],
	[
		"two chains of one range of addresses",
		{
			listener: {
				filter_chains: ["10.0.0.0", "10.1.1.1"].map((address_prefix) => ({
					filter_chain_match: { prefix_ranges: [{ address_prefix, prefix_len: 8 }] },
				})),
			},
		},
		["listeners[0].filter_chains[1]: multiple filter chains with overlapping matching rules are defined"],
	],
	[
		"a PROXY protocol without a version",
		{
			listener: {
				listener_filters: [
					{
						name: "proxy",
						typed_config: typed("filters.listener.proxy_protocol.v3.ProxyProtocol", {
							disallowed_versions: ["V1", "V2"],
						}),
					},
				],
			},
		},
		[
			"listeners[0].listener_filters[0].typed_config.disallowed_versions: all versions of the PROXY protocol are disallowed",
		],
	],
	[
		"IPv4 on an address of IPv4 alone",
		{ listener: { address: { socket_address: { address: "127.0.0.1", port_value: 1, ipv4_compat: true } } } },
		["listeners[0].address.socket_address.ipv4_compat: is for the address :: and IPv4-mapped ones, not for 127.0.0.1"],
	],
	[
		"an address that is no IP address",
		{ listener: { address: { socket_address: { address: "localhost", port_value: 1 } } } },
		["listeners[0].address.socket_address.address: malformed IP address: localhost"],
	],
	[
		"a taken cluster name",
		{ clusters: [staticCluster("c1"), staticCluster("c1")] },
		["clusters[1].name: duplicate cluster 'c1'"],
	],
	[
		"an EDS cluster without a source",
		cluster({ type: "EDS", load_assignment: undefined }),
		["clusters[0].eds_cluster_config: cannot create an EDS cluster without an EDS config"],
	],
	[
		"a priority above 128",
		cluster({ load_assignment: { cluster_name: "c1", endpoints: [{ priority: 129 }] } }),
		["clusters[0].load_assignment.endpoints[0].priority: must be at most 128"],
	],
	[
		"a maglev table of no prime size",
		cluster({ lb_policy: "MAGLEV", maglev_lb_config: { table_size: 10 } }),
		["clusters[0].maglev_lb_config.table_size: the table size of maglev must be prime"],
	],
	[
		"an outlier detection that ends before it begins",
		cluster({ outlier_detection: { base_ejection_time: "30s", max_ejection_time: "1s" } }),
		["clusters[0].outlier_detection.max_ejection_time: cannot be smaller than base_ejection_time"],
	],
	[
		"a failure refresh rate that goes down",
		cluster({ type: "STRICT_DNS", dns_failure_refresh_rate: { base_interval: "5s", max_interval: "1s" } }),
		["clusters[0].dns_failure_refresh_rate: max_interval must be greater than or equal to the base_interval"],
	],
	[
		"a policy beside what the cluster says of localities",
		cluster({
			common_lb_config: { locality_weighted_lb_config: {} },
			load_balancing_policy: {
				policies: [
					{
						typed_extension_config: {
							name: "random",
							typed_config: typed("load_balancing_policies.random.v3.Random"),
						},
					},
				],
			},
		}),
		["clusters[0].common_lb_config: says of localities and hashing what load_balancing_policy has to say"],
	],
	[
		"a name of a header that is not to be used",
		cluster({
			type: "ORIGINAL_DST",
			lb_policy: "CLUSTER_PROVIDED",
			load_assignment: undefined,
			original_dst_lb_config: { http_header_name: "x-to" },
		}),
		["clusters[0].original_dst_lb_config: http_header_name needs use_http_header"],
	],
	[
		"an internal listener with an address",
		{ listener: { internal_listener: {} } },
		["listeners[0]: address should not be used when an internal listener config is used"],
	],
	[
		"a server certificate that is missing",
		{
			chain: {
				transport_socket: { name: "tls", typed_config: typed("transport_sockets.tls.v3.DownstreamTlsContext") },
			},
		},
		[
			"listeners[0].filter_chains[0].transport_socket.typed_config.common_tls_context: no TLS certificates found for server context",
		],
	],
];

for (const [what, parts, problems] of refused) {
	test(`${what} is refused with its path`, () => assert.deepEqual(problemsOf(parts), problems));
}

test("all problems are reported at once", () => {
	const parts = {
		manager: { stat_prefix: "", ...routes({ match: { safe_regex: { regex: "[" } }, route: { cluster: "nope" } }) },
		clusters: [
			staticCluster("c1", { lb_subset_config: { subset_selectors: [{ keys: [] }] }, upstream_config: { name: "x" } }),
		],
	};
	assert.deepEqual(
		problemsOf(parts)
			.map((line) => line.split(": ")[0])
			.sort(),
		[
			"clusters[0].upstream_config",
			`${oneRoute}.match.safe_regex.regex`,
			`${oneRoute}.route.cluster`,
			"hcm.stat_prefix",
		].sort(),
	);
});

test("an unknown filter that is optional is left out", () => {
	const odd = { name: "odd", is_optional: true, typed_config: { "@type": "type.googleapis.com/no.such.Filter" } };
	const manager = managerOf(translated({ manager: { http_filters: [odd, routerFilter] } }));
	assert.deepEqual(
		manager.filters.map((filter) => filter.kind),
		["router"],
	);
});

test("clusters of inline routes need not exist when the routes say so", () => {
	const manager = {
		route_config: {
			validate_clusters: false,
			virtual_hosts: [{ name: "v", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "nope" } }] }],
		},
	};
	assert.deepEqual(problemsOf({ manager }), []);
});

test("a chain of no filters is taken: its requests get no answer, as in Envoy", () => {
	assert.deepEqual(problemsOf({ manager: { http_filters: [] } }), []);
});
