import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, makeRouteTable, named, routeProblems } from "../../../test/support/route-tables.ts";
import { computeRedirect } from "./index.ts";

const host = (name: string, domains: string[], more = {}) => ({
	name,
	domains,
	routes: [named(name, { prefix: "/" })],
	...more,
});
const table = makeRouteTable({
	virtual_hosts: [
		host("exact", ["www.exact.test", "port.test:8080"]),
		host("suffix", ["*.suffix.test", "*-dash.test"]),
		host("longer-suffix", ["*.longer.suffix.test"]),
		host("prefix", ["prefix.*"]),
		host("longer-prefix", ["prefix.longer.*"]),
		host("v6", ["[::1]:80"]),
		host("any", ["*"]),
	],
});
const hostOf = (authority: string, routes = table) =>
	decide(routes, "GET /", [`host: ${authority}`]).entry?.virtualHostName;

for (const [authority, name] of [
	["www.exact.test", "exact"],
	["WWW.Exact.TEST", "exact"],
	["a.suffix.test", "suffix"],
	["a.b.suffix.test", "suffix"],
	["suffix.test", "any"],
	["x-dash.test", "suffix"],
	["-dash.test", "any"],
	["q.longer.suffix.test", "longer-suffix"],
	["prefix.com", "prefix"],
	["prefix.longer.org", "longer-prefix"],
	["prefix.suffix.test", "suffix"],
	["port.test:8080", "exact"],
	["port.test:81", "any"],
	["port.test", "any"],
	["www.exact.test:80", "any"],
	["[::1]:80", "v6"],
	["www.exact.test.", "any"],
] as const) {
	test(`${authority} belongs to ${name}`, () => assert.equal(hostOf(authority), name));
}

test("the port does not count when the table says so", () => {
	const routes = makeRouteTable({
		ignore_port_in_host_matching: true,
		virtual_hosts: [host("a", ["a.test"]), host("b", ["*.b.test"])],
	});
	assert.equal(hostOf("a.test:1234", routes), "a");
	assert.equal(hostOf("x.b.test:99", routes), "b");
	assert.equal(hostOf("a.test:zz", routes), "a");
	assert.equal(hostOf("c.test:1", routes), undefined);
});

test("no other virtual host takes what its own has no route for", () => {
	const routes = makeRouteTable({
		virtual_hosts: [
			{ name: "own", domains: ["own.test"], routes: [named("only", { path: "/only" })] },
			host("any", ["*"]),
		],
	});
	assert.equal(decide(routes, "GET /other", ["host: own.test"]).entry, undefined);
});

test("domains must be unique, names need not be", () => {
	const problems = routeProblems({
		virtual_hosts: [host("a", ["x.test", "*"]), host("a", ["X.test"]), host("b", ["*"])],
	});
	assert.deepEqual(problems, [
		{ path: "virtual_hosts[1].domains[0]", problem: "duplicate domain X.test" },
		{ path: "virtual_hosts[2].domains[0]", problem: "duplicate domain *" },
	]);
});

test("plain requests are sent to https where TLS is required", () => {
	const routes = makeRouteTable({
		virtual_hosts: [
			host("all", ["all.test", "all.test:80"], { require_tls: "ALL" }),
			host("external", ["ext.test"], { require_tls: "EXTERNAL_ONLY" }),
		],
	});
	const kindOf = (authority: string, ...fields: string[]) =>
		decide(routes, "GET /x?y", [`host: ${authority}`, ...fields]).entry?.action.kind;
	assert.equal(kindOf("all.test", "x-forwarded-proto: http"), "redirect");
	assert.equal(kindOf("all.test", "x-forwarded-proto: https"), "direct-response");
	assert.equal(kindOf("ext.test", "x-forwarded-proto: http"), "redirect");
	assert.equal(kindOf("ext.test", "x-forwarded-proto: http", "x-envoy-internal: true"), "direct-response");
	assert.equal(kindOf("all.test"), undefined);
	const { entry, request, stream } = decide(routes, "GET /x?y", ["host: all.test:80", "x-forwarded-proto: http"]);
	assert.ok(entry?.action.kind === "redirect");
	const options = { insertOriginalPath: false };
	assert.equal(computeRedirect(entry.action, request, stream, options), "https://all.test:80/x?y");
});
