/** Filters with matchers around them: left out, or chosen for each request by `composite`. */
import { typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { type FilterCall, type FilterWorld, startFilterWorld } from "../support/filter-world.ts";

type Json = Record<string, unknown>;

const input = (type: string, fields: Json): Json => ({
	name: "input",
	typed_config: { "@type": `type.googleapis.com/envoy.type.matcher.v3.${type}`, ...fields },
});
const sourceType: Json = {
	name: "input",
	typed_config: typed("matching.common_inputs.network.v3.SourceTypeInput", {}),
};
const header = (name: string): Json => input("HttpRequestHeaderMatchInput", { header_name: name });
const fault = (http_status: number): Json =>
	typed("filters.http.fault.v3.HTTPFault", { abort: { http_status, percentage: { numerator: 100 } } });
const skip: Json = {
	action: { name: "skip", typed_config: typed("filters.common.matcher.action.v3.SkipFilter", {}) },
};
const execute = (filter: Json, fields: Json = {}): Json => ({
	action: {
		name: "execute",
		typed_config: typed("filters.http.composite.v3.ExecuteFilterAction", {
			typed_config: { name: "chosen", typed_config: filter },
			...fields,
		}),
	},
});
const byValue = (of: Json, map: Json): Json => ({ matcher_tree: { input: of, exact_match_map: { map } } });
const matching = "type.googleapis.com/envoy.extensions.common.matching.v3.";
const around = (filter: Json, matcher: Json | undefined): Json => ({
	name: "matched",
	typed_config: {
		"@type": `${matching}ExtensionWithMatcher`,
		extension_config: { name: "inner", typed_config: filter },
		...(matcher === undefined ? {} : { xds_matcher: matcher }),
	},
});
const composite = typed("filters.http.composite.v3.Composite", {});
const append = (key: string): Json => ({ append: { header: { key, value: "1" } } });
const mutate = typed("filters.http.header_mutation.v3.HeaderMutation", {
	mutations: { request_mutations: [append("x-asked")], response_mutations: [append("x-answered")] },
});
const expression = {
	call_expr: {
		function: "_==_",
		args: [
			{ select_expr: { operand: { ident_expr: { name: "request" } }, field: "path" } },
			{ const_expr: { string_value: "/cel" } },
		],
	},
};
const byExpression: Json = {
	matcher_list: {
		matchers: [
			{
				predicate: {
					single_predicate: {
						input: {
							name: "attributes",
							typed_config: { "@type": "type.googleapis.com/xds.type.matcher.v3.HttpAttributesCelMatchInput" },
						},
						custom_match: {
							name: "cel",
							typed_config: {
								"@type": "type.googleapis.com/xds.type.matcher.v3.CelMatcher",
								expr_match: { parsed_expr: { expr: expression } },
							},
						},
					},
				},
				on_match: execute(fault(503)),
			},
		],
	},
	on_no_match: execute(mutate),
};

async function see(world: FilterWorld, listener: string, call: FilterCall) {
	const { status, headers, echo } = await world.call(listener, call);
	return { status, answered: headers["x-answered"], asked: echo?.headers["x-asked"] };
}

compareWithEnvoy("filters with matchers", {
	start: (side) =>
		startFilterWorld(side, {
			composite: {
				filters: [around(composite, byValue(header("x-a"), { one: execute(fault(501)), two: execute(mutate) }))],
				routes: [
					{
						match: { prefix: "/route" },
						route: { cluster: "up" },
						typed_per_filter_config: {
							matched: {
								"@type": `${matching}ExtensionWithMatcherPerRoute`,
								xds_matcher: byValue(header("x-a"), { one: execute(fault(418)) }),
							},
						},
					},
				],
			},
			skip: { filters: [around(fault(503), byValue(header("x-a"), { one: skip }))] },
			query: {
				filters: [
					around(
						composite,
						byValue(input("HttpRequestQueryParamMatchInput", { query_param: "q" }), { one: execute(fault(501)) }),
					),
				],
			},
			answers: {
				filters: [
					around(
						composite,
						byValue(input("HttpResponseHeaderMatchInput", { header_name: "x-kind" }), { one: execute(mutate) }),
					),
				],
			},
			origin: { filters: [around(composite, byValue(sourceType, { local: execute(fault(501)) }))] },
			cel: { filters: [around(composite, byExpression)] },
			none: { filters: [around(fault(503), undefined)] },
			sampled: {
				filters: [
					around(
						composite,
						byValue(header("x-a"), {
							one: execute(fault(501), { sample_percent: { default_value: { numerator: 0 } } }),
						}),
					),
				],
			},
		}),
	cases: {
		"composite runs what the matcher says": {
			want: [{ status: 501 }, { status: 200, asked: "1", answered: "1" }, { status: 200 }, { status: 418 }],
			see: async (world) => [
				await see(world, "composite", { headers: { "x-a": "one" } }),
				await see(world, "composite", { headers: { "x-a": "two" } }),
				await see(world, "composite", {}),
				await see(world, "composite", { path: "/route", headers: { "x-a": "one" } }),
			],
		},
		"a filter is left out": {
			want: [{ status: 200 }, { status: 503 }],
			see: async (world) => [
				await see(world, "skip", { headers: { "x-a": "one" } }),
				await see(world, "skip", { headers: { "x-a": "two" } }),
			],
		},
		"a query parameter decides": {
			want: [{ status: 501 }, { status: 200 }],
			see: async (world) => [
				await see(world, "query", { path: "/?p=0&q=one" }),
				await see(world, "query", { path: "/?q=two" }),
			],
		},
		"the answer decides": {
			want: { status: 200, answered: "1" },
			see: (world) => see(world, "answers", { headers: { "x-answer-x-kind": "one" } }),
		},
		"a client on this machine is local": {
			want: [{ status: 501 }, { status: 200 }],
			see: async (world) => [
				await see(world, "origin", {}),
				await see(world, "origin", { headers: { "x-forwarded-for": "203.0.113.1" } }),
				await see(world, "origin", { headers: { "x-forwarded-for": "127.0.0.2" } }),
				await see(world, "origin", { headers: { "x-forwarded-for": "::1" } }),
			],
		},
		"an expression decides": {
			want: [{ status: 503 }, { status: 200, asked: "1" }],
			see: async (world) => [await see(world, "cel", { path: "/cel" }), await see(world, "cel", {})],
		},
		"without a matcher the filter does not run": { want: { status: 200 }, see: (world) => see(world, "none", {}) },
		"a sample of none": { want: { status: 200 }, see: (world) => see(world, "sampled", { headers: { "x-a": "one" } }) },
	},
});
