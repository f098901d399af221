import assert from "node:assert/strict";
import { test } from "node:test";
import {
	type BootstrapParts,
	managerFilter,
	problemsOf,
	routerFilter,
	typed,
} from "../../../test/support/bootstraps.ts";

type Fields = Record<string, unknown>;

const filter = (type: string, fields: Fields): BootstrapParts => ({
	manager: { http_filters: [{ name: "f", typed_config: typed(`filters.http.${type}`, fields) }, routerFilter] },
});
const keys = (fields: Fields) => filter("api_key_auth.v3.ApiKeyAuth", fields);
const admission = (fields: Fields) =>
	filter("admission_control.v3.AdmissionControl", { success_criteria: {}, ...fields });
const at = "hcm.http_filters[0].typed_config";

const action = {
	action: { name: "a", typed_config: { "@type": "type.googleapis.com/envoy.config.rbac.v3.Action", name: "a" } },
};
/** A tree of matchers that looks up one input. */
const lookUp = (input: Fields) => ({
	matcher_tree: { input: { name: "i", typed_config: input }, exact_match_map: { map: { a: action } } },
});
const expression = { "@type": "type.googleapis.com/xds.type.matcher.v3.HttpAttributesCelMatchInput" };
const header = { "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name: "x" };
const connectionRules = (matcher: Fields): BootstrapParts => ({
	filters: [
		{ name: "r", typed_config: typed("filters.network.rbac.v3.RBAC", { stat_prefix: "r", matcher }) },
		managerFilter(),
	],
});

/** What Envoy 1.40 refuses as well. */
const refused: readonly [what: string, parts: BootstrapParts, path: string][] = [
	[
		"one key of two clients",
		keys({
			credentials: [
				{ key: "a", client: "x" },
				{ key: "a", client: "y" },
			],
		}),
		`${at}.credentials[1].key`,
	],
	[
		"a call for authorization in a version that is gone",
		filter("ext_authz.v3.ExtAuthz", {
			grpc_service: { envoy_grpc: { cluster_name: "c1" } },
			transport_api_version: "V2",
		}),
		`${at}.transport_api_version`,
	],
	[
		"a path for authorization that is none",
		filter("ext_authz.v3.ExtAuthz", {
			http_service: { server_uri: { uri: "http://a/", cluster: "c1", timeout: "1s" }, path_override: "x" },
		}),
		`${at}.http_service.path_override`,
	],
	["a key without a client", keys({ credentials: [{ key: "a" }] }), `${at}.credentials[0].client`],
	[
		"a filter that has a name alone",
		{ manager: { http_filters: [{ name: "envoy.filters.http.cors" }, routerFilter] } },
		"hcm.http_filters[0]",
	],
	["no users at all", filter("basic_auth.v3.BasicAuth", { users: { inline_string: "" } }), `${at}.users`],
	[
		"a user's line that ends as on Windows",
		filter("basic_auth.v3.BasicAuth", { users: { inline_string: "a:{SHA}MzVkMWI1MTQzNTcxMTg4MTI3MTE=\r\n" } }),
		`${at}.users`,
	],
	[
		"ports beyond the last",
		filter("rbac.v3.RBAC", {
			rules: {
				policies: {
					p: {
						permissions: [{ destination_port_range: { start: 1, end: 70_000 } }],
						principals: [{ any: true }],
					},
				},
			},
		}),
		`${at}.rules.policies["p"].permissions[0].destination_port_range.end`,
	],
	["a key that is nowhere", keys({ key_sources: [{}] }), `${at}.key_sources[0]`],
	[
		"a range of statuses that ends before it begins",
		admission({ success_criteria: { http_criteria: { http_success_status: [{ start: 300, end: 200 }] } } }),
		`${at}.success_criteria.http_criteria.http_success_status[0]`,
	],
	[
		"a gRPC status that does not exist",
		admission({ success_criteria: { grpc_criteria: { grpc_success_status: [17] } } }),
		`${at}.success_criteria.grpc_criteria.grpc_success_status[0]`,
	],
	["a threshold of nothing", admission({ sr_threshold: { default_value: { value: 0 } } }), `${at}.sr_threshold`],
	[
		"a credential of an unknown kind",
		filter("credential_injector.v3.CredentialInjector", {
			credential: { name: "c", typed_config: typed("filters.http.cors.v3.Cors") },
		}),
		`${at}.credential.typed_config`,
	],
	[
		"a range of ports that ends before it begins",
		filter("rbac.v3.RBAC", {
			rules: {
				policies: {
					p: { permissions: [{ destination_port_range: { start: 9, end: 3 } }], principals: [{ any: true }] },
				},
			},
		}),
		`${at}.rules.policies["p"].permissions[0].destination_port_range`,
	],
	[
		"a map of what an expression says",
		filter("rbac.v3.RBAC", { matcher: lookUp(expression) }),
		`${at}.matcher.matcher_tree.input`,
	],
	...[header, expression].map((input): [string, BootstrapParts, string] => [
		`rules of connections that look up ${input["@type"]}`,
		connectionRules(lookUp(input)),
		"hcm.matcher.matcher_tree.input.typed_config",
	]),
	[
		"an extension of formats that is none",
		{
			manager: {
				access_log: [
					{
						name: "l",
						typed_config: typed("access_loggers.stream.v3.StdoutAccessLog", {
							log_format: {
								text_format_source: { inline_string: "x" },
								formatters: [{ name: "f", typed_config: typed("filters.http.cors.v3.Cors") }],
							},
						}),
					},
				],
			},
		},
		"hcm.access_log[0].typed_config.log_format.formatters[0].typed_config",
	],
	[
		"an expression that is none",
		{
			manager: {
				access_log: [
					{
						name: "l",
						typed_config: typed("access_loggers.stream.v3.StdoutAccessLog", {
							log_format: { text_format_source: { inline_string: "%CEL(1 +)%" } },
						}),
					},
				],
			},
		},
		"hcm.access_log[0].typed_config.log_format.text_format_source",
	],
];

for (const [what, parts, path] of refused) {
	test(`a filter or a format is refused with its path: ${what}`, () => {
		assert.deepEqual(
			problemsOf(parts).map((problem) => problem.replace(/: .*/s, "")),
			[path],
		);
	});
}

test("metrics of one's own that Istio's filter should count are refused, not passed over", () => {
	const stats = (value: Fields): BootstrapParts => ({
		manager: {
			http_filters: [
				{
					name: "istio.stats",
					typed_config: {
						"@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
						type_url: "type.googleapis.com/stats.PluginConfig",
						value,
					},
				},
				routerFilter,
			],
		},
	});
	assert.deepEqual(problemsOf(stats({ reporter: "source", definitions: [] })), []);
	assert.deepEqual(problemsOf(stats({ definitions: [{ name: "calls", type: "COUNTER", value: "1" }] })), [
		`${at}.value.definitions: metrics of one's own are not supported`,
	]);
});
