/** Many policies are judged as they are one by one, and only those that can match are looked at. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeCertificate, makeConnection, makeRequest, makeStream, makeTls } from "../../../test/support/streams.ts";
import { createSeededRandom } from "../../core/index.ts";
import type { StreamInfo } from "../format/index.ts";
import type { StringMatcher } from "../matcher/index.ts";
import { authorize, type Permission, type Principal, type RbacPolicy, type RbacRules } from "./index.ts";
import { findPolicyIndex } from "./policy-index.ts";

const random = createSeededRandom(11);
const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;
const names = ["spiffe://a/web", "spiffe://a/orders", "spiffe://b/web", "web.shop", "CN=peer", ""];
const paths = ["/", "/orders", "/orders/7", "/admin"];

function matcher(values: readonly string[]): StringMatcher {
	const kind = pick(["exact", "exact", "exact", "prefix", "suffix"] as const);
	const ignoreCase = random.next() < 0.2;
	const value = pick(values);
	return { kind, value: ignoreCase ? value.toLowerCase() : value, ignoreCase };
}

const some = <T>(make: (depth: number) => T, depth: number): T[] =>
	Array.from({ length: Math.floor(random.next() * 3) }, () => make(depth + 1));

function principal(depth = 0): Principal {
	const kind = pick(
		depth > 2 ? (["any", "name"] as const) : (["any", "name", "name", "and", "or", "not", "path"] as const),
	);
	if (kind === "and" || kind === "or") return { kind, ids: some(principal, depth) };
	if (kind === "not") return { kind, id: principal(depth + 1) };
	if (kind === "path") return { kind: "url-path", matcher: matcher(paths) };
	return kind === "any"
		? { kind }
		: { kind: "authenticated", matcher: random.next() < 0.1 ? undefined : matcher(names) };
}

function permission(depth = 0): Permission {
	const kind = pick(depth > 2 ? (["any", "path"] as const) : (["any", "path", "path", "and", "or", "not"] as const));
	if (kind === "and" || kind === "or") return { kind, rules: some(permission, depth) };
	if (kind === "not") return { kind, rule: permission(depth + 1) };
	return kind === "any" ? { kind } : { kind: "url-path", matcher: matcher(paths) };
}

function stream(): StreamInfo {
	const kind = pick(["plain", "nameless", "peer", "peer", "peer"] as const);
	const peer = makeCertificate(
		names.slice(0, 3).filter(() => random.next() < 0.4),
		{ dnsSans: random.next() < 0.3 ? ["web.shop"] : [] },
	);
	const tls = kind === "plain" ? undefined : kind === "nameless" ? makeTls("") : makeTls("", { peer });
	const request = random.next() < 0.1 ? undefined : makeRequest(`GET ${pick(paths)}${pick(["", "?a=1"])}`, "host: a");
	return makeStream(request, { connection: makeConnection({ tls }) });
}

test("whatever the policies and whoever comes, an index finds the policy that a look at each one finds", () => {
	let matched = 0;
	for (let round = 0; round < 400; round++) {
		const policies: RbacPolicy[] = Array.from({ length: 8 + Math.floor(random.next() * 20) }, (_, number) => ({
			name: `p${String(number).padStart(2, "0")}`,
			permissions: [{ kind: "and", rules: [permission(), permission(), permission(3)] }],
			principals: [
				{ kind: "and", ids: [principal(), principal(3), { kind: "authenticated", matcher: matcher(names) }] },
			],
		}));
		const rules: RbacRules = { action: "allow", policies };
		for (let count = 0; count < 10; count++) {
			const who = stream();
			const expected =
				policies.find((policy) => authorize({ action: "allow", policies: [policy] }, who).matched)?.name ?? "none";
			assert.equal(authorize(rules, who).policy, expected);
			if (expected !== "none") matched++;
		}
	}
	assert.ok(matched > 500 && matched < 3500, String(matched));
});

test("of a thousand policies for as many peers and paths, those of this peer and this path are looked at", () => {
	const exact = (value: string): StringMatcher => ({ kind: "exact", value, ignoreCase: false });
	const any = { kind: "any" } as const;
	const policies: RbacPolicy[] = Array.from({ length: 1000 }, (_, number) => ({
		name: `p${number}`,
		principals: [number % 2 === 0 ? { kind: "authenticated", matcher: exact(`spiffe://a/${number}`) } : any],
		permissions: [
			number % 2 === 0 ? any : { kind: "and", rules: [any, { kind: "url-path", matcher: exact(`/${number}`) }] },
		],
	}));
	const index = findPolicyIndex({ action: "allow", policies })!;
	assert.deepEqual(index.candidates(["spiffe://a/10", "CN=x"], "/7"), [7, 10]);
	assert.deepEqual(index.candidates([], undefined), []);
	assert.equal(findPolicyIndex({ action: "allow", policies: policies.slice(0, 3) }), undefined);
});
