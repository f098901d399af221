import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, makeRoutes, makeRouteTable, named, routeOf } from "../../../test/support/route-tables.ts";
import { makeConnection, makeTls } from "../../../test/support/streams.ts";

const paths = makeRoutes(
	named("exact", { path: "/exact" }),
	named("exact-nocase", { path: "/NoCase", case_sensitive: false }),
	named("prefix-nocase", { prefix: "/PreNoCase", case_sensitive: false }),
	named("separated", { path_separated_prefix: "/sep" }),
	named("regex", { safe_regex: { regex: "/re/[0-9]+" } }),
	named("regex-icase", { safe_regex: { regex: "/(?i)icase/.*" } }),
	named("first", { prefix: "/first" }),
	named("never", { prefix: "/first/second" }),
	named("connect", { connect_matcher: {} }),
	named("encoded", { prefix: "/with%20space" }),
	named("root", { path: "/" }),
);

for (const [line, route] of [
	["GET /exact", "exact"],
	["GET /exact?a=1", "exact"],
	["GET /exact?", "exact"],
	["GET /exact#f", "exact"],
	["GET /exact/", undefined],
	["GET /Exact", undefined],
	["GET /nOcAsE", "exact-nocase"],
	["GET /prenocase/x", "prefix-nocase"],
	["GET /sep", "separated"],
	["GET /sep/", "separated"],
	["GET /sep/a", "separated"],
	["GET /sep?x=/y", "separated"],
	["GET /sepa", undefined],
	["GET /re/42", "regex"],
	["GET /re/42?x", "regex"],
	["GET /re/42x", undefined],
	["GET /ICASE/q", "regex-icase"],
	["GET /first/second", "first"],
	["CONNECT ", "connect"],
	["GET /with%20space", "encoded"],
	["GET /with space", undefined],
	["GET /", "root"],
] as const) {
	test(`${line} takes ${route ?? "no route"}`, () => assert.equal(routeOf(paths, line), route));
}

const header = (name: string, matcher: Record<string, unknown>, path = "/") =>
	makeRoutes(named("yes", { prefix: path, headers: [{ name, ...matcher }] }));

for (const [matcher, fields, matches] of [
	[{ string_match: { exact: "yes" } }, ["x: yes"], true],
	[{ string_match: { exact: "yes" } }, ["X: yes"], true],
	[{ string_match: { exact: "yes" } }, ["x: YES"], false],
	[{ string_match: { exact: "yes" } }, ["x: no", "x: yes"], true],
	[{ string_match: { exact: "yes,no" } }, ["x: yes", "x: no"], false],
	[{ range_match: { start: 1, end: 5 } }, ["x: z", "x: 3"], true],
	[{ string_match: { exact: "no" }, invert_match: true }, ["x: yes", "x: no"], false],
	[{ string_match: { exact: "no" }, invert_match: true }, ["x: yes", "x: yep"], true],
	[{ string_match: { exact: "Yes", ignore_case: true } }, ["x: yEs"], true],
	[{ string_match: { prefix: "ab" } }, ["x: abc"], true],
	[{ string_match: { prefix: "ab" } }, ["x: cab"], false],
	[{ string_match: { suffix: "yz", ignore_case: true } }, ["x: wXYZ"], true],
	[{ string_match: { contains: "mid" } }, ["x: a-mid-z"], true],
	[{ string_match: { safe_regex: { regex: "v[0-9]+" } } }, ["x: v12"], true],
	[{ string_match: { safe_regex: { regex: "v[0-9]+" } } }, ["x: xv12"], false],
	[{ range_match: { start: -5, end: 10 } }, ["x: -5"], true],
	[{ range_match: { start: -5, end: 10 } }, ["x: 10"], false],
	[{ range_match: { start: -5, end: 10 } }, ["x: 3a"], false],
	[{ present_match: true }, ["x:"], true],
	[{ present_match: false }, [], true],
	[{ present_match: false }, ["x: 1"], false],
	[{}, ["x: 1"], true],
	[{}, [], false],
	[{ present_match: true, invert_match: true }, [], true],
	[{ string_match: { exact: "no" }, invert_match: true }, ["x: yes"], true],
	[{ string_match: { exact: "no" }, invert_match: true }, ["x: no"], false],
	[{ string_match: { exact: "no" }, invert_match: true }, [], false],
	[{ string_match: { exact: "" }, treat_missing_header_as_empty: true }, [], true],
	[{ string_match: { exact: "q" }, treat_missing_header_as_empty: true, invert_match: true }, [], true],
	[{ exact_match: "old" }, ["x: old"], true],
	[{ prefix_match: "ol" }, ["x: old"], true],
	[{ suffix_match: "ld" }, ["x: old"], true],
	[{ contains_match: "l" }, ["x: old"], true],
	[{ safe_regex_match: { regex: "o.d" } }, ["x: old"], true],
] as const) {
	test(`header ${JSON.stringify(matcher)} ${matches ? "takes" : "leaves"} [${fields.join("; ")}]`, () => {
		assert.equal(routeOf(header("x", matcher), "GET /", ...fields), matches ? "yes" : undefined);
	});
}

test("fields that make one list are matched as one text", () => {
	assert.equal(
		routeOf(header("user-agent", { string_match: { exact: "a,b" } }), "GET /", "user-agent: a", "user-agent: b"),
		"yes",
	);
	assert.equal(
		routeOf(header("user-agent", { string_match: { exact: "a" } }), "GET /", "user-agent: a", "user-agent: b"),
		undefined,
	);
});

test("pseudo headers are matched like any other", () => {
	assert.equal(routeOf(header(":method", { string_match: { exact: "PUT" } }), "PUT /"), "yes");
	assert.equal(routeOf(header(":authority", { string_match: { prefix: "auth." } }), "GET /", "host: auth.test"), "yes");
	assert.equal(routeOf(header(":path", { string_match: { exact: "/a?b" } }), "GET /a?b"), "yes");
	assert.equal(routeOf(header(":scheme", { string_match: { exact: "http" } }), "GET /"), "yes");
});

test("all matchers of a route must take the request", () => {
	const table = makeRoutes(
		named("both", {
			prefix: "/",
			headers: [
				{ name: "a", string_match: { exact: "1" } },
				{ name: "b", string_match: { exact: "2" } },
			],
		}),
	);
	assert.equal(routeOf(table, "GET /", "a: 1"), undefined);
	assert.equal(routeOf(table, "GET /", "a: 1", "b: 2"), "both");
});

for (const [matcher, path, matches] of [
	[{ string_match: { exact: "1" } }, "/?q=1&q=2", true],
	[{ string_match: { exact: "1" } }, "/?q=2&q=1", false],
	[{ string_match: { exact: "1" } }, "/?aq=1", false],
	[{ string_match: { exact: "1" } }, "/?q=%31", false],
	[{ string_match: { safe_regex: { regex: "[a-c]+" } } }, "/?x&q=abc", true],
	[{ string_match: { exact: "" } }, "/?q", true],
	[{ string_match: { exact: "1" } }, "/?x=1;q=1", false],
	[{ present_match: true }, "/?q", true],
	[{ present_match: true }, "/?q=", true],
	[{ present_match: true }, "/", false],
	[{ present_match: false }, "/?y=1", true],
	[{ present_match: false }, "/?q=1", false],
] as const) {
	test(`query parameter q ${JSON.stringify(matcher)} ${matches ? "takes" : "leaves"} ${path}`, () => {
		const table = makeRoutes(named("yes", { prefix: "/", query_parameters: [{ name: "q", ...matcher }] }));
		assert.equal(routeOf(table, `GET ${path}`), matches ? "yes" : undefined);
	});
}

test("gRPC routes take gRPC content types only", () => {
	const table = makeRoutes(named("grpc", { prefix: "/", grpc: {} }));
	assert.equal(routeOf(table, "POST /", "content-type: application/grpc"), "grpc");
	assert.equal(routeOf(table, "POST /", "content-type: application/grpc+proto"), "grpc");
	assert.equal(routeOf(table, "POST /", "content-type: application/grpc-web"), undefined);
	assert.equal(routeOf(table, "POST /"), undefined);
});

test("a runtime fraction takes its share, and the runtime overrides it", () => {
	const half = { prefix: "/", runtime_fraction: { default_value: { numerator: 50 }, runtime_key: "my.key" } };
	const routes = [named("half", half), named("rest", { prefix: "/" })];
	const table = makeRoutes(...routes);
	assert.equal(decide(table, "GET /", [], 0.49).entry?.name, "half");
	assert.equal(decide(table, "GET /", [], 0.5).entry?.name, "rest");
	const virtual_hosts = [{ name: "v", domains: ["*"], routes }];
	const all = makeRouteTable({ virtual_hosts }, { my: { key: 100 } });
	assert.equal(decide(all, "GET /", [], 0.99).entry?.name, "half");
	const none = makeRouteTable({ virtual_hosts }, { "my.key": { numerator: 0, denominator: "MILLION" } });
	assert.equal(decide(none, "GET /", [], 0).entry?.name, "rest");
});

test("a route can ask for a validated client certificate", () => {
	const table = makeRoutes(
		named("tls", { prefix: "/", tls_context: { validated: true } }),
		named("any", { prefix: "/" }),
	);
	const connection = makeConnection({ tls: makeTls("spiffe://a/b") });
	assert.equal(decide(table, "GET /", [], 0, { connection }).entry?.name, "tls");
	assert.equal(decide(table, "GET /").entry?.name, "any");
});

test("dynamic metadata decides when filters wrote it", () => {
	const value = { string_match: { exact: "v" } };
	const matcher = { filter: "ns", path: [{ key: "a" }, { key: "b" }], value };
	const table = makeRoutes(named("meta", { prefix: "/", dynamic_metadata: [matcher] }));
	const dynamicMetadata = new Map<string, unknown>([["ns", { a: { b: "v" } }]]);
	assert.equal(decide(table, "GET /", [], 0, { dynamicMetadata }).entry?.name, "meta");
	assert.equal(decide(table, "GET /").entry, undefined);
});

test("path parameters are left out when the table says so", () => {
	const table = makeRouteTable({
		ignore_path_parameters_in_path_matching: true,
		virtual_hosts: [{ name: "v", domains: ["*"], routes: [named("a", { path: "/a" })] }],
	});
	assert.equal(routeOf(table, "GET /a;v=1?x"), "a");
});
