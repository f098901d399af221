/** Conditions of RBAC in CEL, and what bodies tell the filters behind json_to_metadata. */
import { typed } from "../support/bootstraps.ts";
import { compareWithEnvoy } from "../support/differential.ts";
import { type FilterCall, type FilterWorld, startFilterWorld } from "../support/filter-world.ts";

type Json = Record<string, unknown>;

const text = (value: string): Json => ({ const_expr: { string_value: value } });
const whole = (value: number): Json => ({ const_expr: { int64_value: value } });
const call = (name: string, ...args: Json[]): Json => ({ call_expr: { function: name, args } });
const method = (target: Json, name: string, ...args: Json[]): Json => ({ call_expr: { target, function: name, args } });
const select = (path: string, testOnly = false): Json => {
	const names = path.split(".");
	return names.slice(1).reduce<Json>(
		(operand, field, index) => ({
			select_expr: { operand, field, ...(testOnly && index === names.length - 2 ? { test_only: true } : {}) },
		}),
		{ ident_expr: { name: names[0] } },
	);
};
const header = (name: string): Json => call("_[_]", select("request.headers"), text(name));
const isGet = call("_==_", select("request.method"), text("GET"));

const conditions: Readonly<Record<string, Json>> = {
	"a path": call("_==_", select("request.path"), text("/a?x=1")),
	"a header, whatever its case": call("_==_", header("X-Team"), text("blue")),
	"a header that is there": call("@in", text("x-team"), select("request.headers")),
	"an error that does not matter": call("_||_", call("_==_", header("x-none"), text("1")), isGet),
	"an error that matters": call("_&&_", call("_==_", header("x-none"), text("1")), isGet),
	"a pattern somewhere in the path": method(select("request.path"), "matches", text("^/a.x")),
	"a method of several": call("@in", select("request.method"), { list_expr: { elements: [text("PUT"), text("GET")] } }),
	"a choice": call("_?_:_", isGet, { const_expr: { bool_value: true } }, { const_expr: { bool_value: false } }),
	"no truth value": select("request.path"),
	"numbers of two types": call("_==_", whole(1), { const_expr: { double_value: 1 } }),
	"metadata of an earlier filter": call(
		"_==_",
		call("_[_]", call("_[_]", select("metadata.filter_metadata"), text("ns")), text("number")),
		whole(5),
	),
	"an attribute without a value": select("request.referer", true),
	"the cluster of the route": call("_==_", select("xds.cluster_name"), text("up")),
	time: call("_>_", select("request.time"), call("timestamp", text("2020-01-01T00:00:00Z"))),
	"a map": call(
		"_==_",
		call("_[_]", { struct_expr: { entries: [{ map_key: text("a"), value: whole(1) }] } }, text("a")),
		whole(1),
	),
};

const metadata = {
	name: "metadata",
	typed_config: typed("filters.http.set_metadata.v3.Config", {
		metadata: [{ metadata_namespace: "ns", value: { number: 5 } }],
	}),
};
const rbac = (condition: Json) => ({
	name: "rbac",
	typed_config: typed("filters.http.rbac.v3.RBAC", {
		rules: { policies: { p: { permissions: [{ any: true }], principals: [{ any: true }], condition } } },
	}),
});
const rule = (keys: readonly string[], entries: Json) => ({ selectors: keys.map((key) => ({ key })), ...entries });
const tell = (...keys: string[]) => ({
	name: "tell",
	typed_config: typed("filters.http.header_mutation.v3.HeaderMutation", {
		mutations: {
			request_mutations: keys.map((key) => ({
				append: {
					header: { key: `x-${key}`, value: `%DYNAMIC_METADATA(envoy.filters.http.json_to_metadata:${key})%` },
				},
			})),
		},
	}),
});

async function see(world: FilterWorld, listener: string, made: FilterCall) {
	const { status, echo } = await world.call(listener, made);
	return { status, headers: echo?.headers };
}

const bodies = [
	'{"a":5}',
	'{"a":true}',
	'{"a":2.0}',
	'{"a":null}',
	'{"a":" 12 "}',
	'{"o":{"p":"q"}}',
	'{"a":',
	"[1]",
	"",
];

compareWithEnvoy("expressions", {
	start: (side) =>
		startFilterWorld(side, {
			...Object.fromEntries(
				Object.entries(conditions).map(([name, condition]) => [name, { filters: [metadata, rbac(condition)] }]),
			),
			json: {
				filters: [
					{
						name: "json",
						typed_config: typed("filters.http.json_to_metadata.v3.JsonToMetadata", {
							request_rules: {
								rules: [
									rule(["a"], {
										on_present: { key: "text", type: "STRING" },
										on_missing: { key: "text", value: "none" },
										on_error: { key: "text", value: "broken" },
									}),
									rule(["a"], {
										on_present: { key: "number", type: "NUMBER" },
										on_missing: { key: "number", value: -1 },
									}),
									rule(["o", "p"], { on_present: { key: "inner" }, on_missing: { key: "inner", value: false } }),
								],
							},
						}),
					},
					tell("text", "number", "inner"),
				],
			},
		}),
	cases: {
		...Object.fromEntries(
			Object.keys(conditions).map((name) => [
				name,
				{
					want: {},
					see: async (world: FilterWorld) => ({
						get: (await see(world, name, { path: "/a?x=1", headers: { "x-team": "blue" } })).status,
						post: (await see(world, name, { method: "POST", path: "/b", body: "abc" })).status,
					}),
				},
			]),
		),
		"parts of JSON bodies": {
			want: [{ headers: { "x-text": "5", "x-number": "5" } }, { headers: { "x-text": "1" } }],
			see: async (world) => {
				const seen = [];
				for (const body of bodies) {
					seen.push(
						await see(world, "json", { method: "POST", headers: { "content-type": "application/json" }, body }),
					);
				}
				return seen;
			},
		},
		"a body of another type is an error": {
			want: { headers: { "x-text": "broken" } },
			see: (world) => see(world, "json", { method: "POST", headers: { "content-type": "text/plain" }, body: "{}" }),
		},
	},
});
