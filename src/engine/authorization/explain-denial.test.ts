import assert from "node:assert/strict";
import { test } from "node:test";
import { makeConnection, makeRequest, makeStream, makeTls } from "../../../test/support/streams.ts";
import type { StringMatcher } from "../matcher/index.ts";
import { explainDenial, formatDenial, type Permission, type Principal, type RbacPolicy } from "./index.ts";

const exact = (value: string): StringMatcher => ({ kind: "exact", value, ignoreCase: false });
const principal = (id: string): Principal => ({ kind: "authenticated", matcher: exact(id) });
const path = (value: string): Permission => ({ kind: "url-path", matcher: exact(value) });
const header = (name: string, value: string): Permission => ({
	kind: "header",
	matcher: {
		name,
		invert: false,
		treatMissingAsEmpty: false,
		value: { kind: "string", matcher: exact(value) },
	},
});
const policy = (name: string, permissions: Permission[], principals: Principal[]): RbacPolicy => ({
	name,
	permissions,
	principals,
});
const webPosts = policy(
	"orders",
	[{ kind: "and", rules: [path("/orders"), header(":method", "POST")] }],
	[principal("spiffe://m/web"), principal("spiffe://m/admin")],
);
const stream = makeStream(makeRequest("GET /orders?token=secret", "x-key: secret"), {
	connection: makeConnection({ tls: makeTls("spiffe://m/catalog") }),
});

function explain(...policies: RbacPolicy[]): string {
	return formatDenial(explainDenial({ action: "allow", policies }, stream));
}

test("what differs is named with what it is and what was wanted; what matches is not", () => {
	assert.equal(
		explain(webPosts),
		'orders: method is "GET", wanted "POST"; principal is "spiffe://m/catalog", wanted "spiffe://m/web"',
	);
});

test("the nearest policy comes first, and no more than three are told", () => {
	const near = policy("near", [{ kind: "any" }], [principal("spiffe://m/web")]);
	const told = explain(webPosts, near, webPosts, webPosts);
	assert.match(told, /^near: principal .* \| orders: .* \| orders: .* \| and 1 more$/);
});

test("values of headers, claims and queries are never told", () => {
	const claim: Principal = {
		kind: "metadata",
		matcher: {
			namespace: "jwt",
			path: ["payload", "team"],
			value: { kind: "list", oneOf: { kind: "string", matcher: exact("a") } },
			invert: false,
		},
	};
	const told = explain(policy("p", [{ kind: "and", rules: [header("x-key", "k"), path("/x")] }], [claim]));
	assert.equal(
		told,
		'p: header x-key does not match, wanted "k"; path is "/orders", wanted "/x"; claim team does not match, wanted a list with "a"',
	);
});

test("a negation says what must not be; plain text has no principal", () => {
	const plain = makeStream(makeRequest("GET /a"));
	const rules = {
		action: "allow" as const,
		policies: [policy("p", [{ kind: "not", rule: path("/a") }], [{ kind: "authenticated", matcher: undefined }])],
	};
	assert.equal(
		formatDenial(explainDenial(rules, plain)),
		'p: path is "/a", wanted not "/a"; principal is "nobody (plain text)", wanted any identity',
	);
});

test("a line fits into a header: short, and nothing but printable ASCII", () => {
	const long = explain(
		...Array.from({ length: 9 }, (_, at) => policy(`p${at}`, [path(`/ä\n${"x".repeat(300)}`)], [principal("y")])),
	);
	assert.ok(long.length <= 480);
	assert.match(long, /^[\x20-\x7e]+$/);
});

test("a DENY that matched needs no more than its name", () => {
	assert.deepEqual(explainDenial({ action: "deny", policies: [webPosts] }, stream), []);
});
