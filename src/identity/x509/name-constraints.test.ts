/** Which names an authority may vouch for (RFC 5280 section 4.2.1.10). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeDer } from "./der.ts";
import type { AlternativeName } from "./extensions.ts";
import { decodeNameConstraints, encodeNameConstraints, findConstrainedName } from "./name-constraints.ts";

const uri = (value: string): AlternativeName => ({ kind: "uri", value });
const dns = (value: string): AlternativeName => ({ kind: "dns", value });

test("what is written is read again", () => {
	const permitted = [uri("cluster.local"), dns("shop.example")];
	const read = decodeNameConstraints(decodeDer(encodeNameConstraints(permitted)));
	assert.deepEqual(read, { permitted, excluded: [] });
});

test("names of a listed kind must be below one that is permitted and below none that is excluded", () => {
	const ip: AlternativeName = { kind: "ip", value: "10.0.0.1" };
	const other: AlternativeName = { kind: "other", value: "tag 0x87" };
	const cases: readonly [AlternativeName, readonly AlternativeName[], readonly AlternativeName[], boolean][] = [
		[uri("spiffe://cluster.local/x"), [uri("cluster.local")], [], true],
		[uri("spiffe://CLUSTER.local/x"), [uri("cluster.LOCAL")], [], true],
		[uri("spiffe://a.cluster.local/x"), [uri("cluster.local")], [], false],
		[uri("spiffe://a.cluster.local/x"), [uri(".cluster.local")], [], true],
		[uri("spiffe://cluster.local/x"), [uri(".cluster.local")], [], false],
		[uri("spiffe://cluster.local.bank/x"), [uri("cluster.local")], [], false],
		[uri("spiffe://cluster.local@bank.example/x"), [uri("cluster.local")], [], false],
		[uri("urn:x"), [uri("cluster.local")], [], false],
		[uri("spiffe://bank.example/x"), [], [uri("bank.example")], false],
		[uri("spiffe://bank.example/x"), [dns("cluster.local")], [], true],
		[dns("web.shop.example"), [dns("shop.example")], [], true],
		[dns("shop.example"), [dns("shop.example")], [], true],
		[dns("workshop.example"), [dns("shop.example")], [], false],
		[dns("web.shop.example"), [], [dns("")], false],
		[ip, [uri("cluster.local")], [], true],
		[ip, [other], [], false],
		[ip, [], [other], false],
	];
	for (const [name, permitted, excluded, isAllowed] of cases) {
		const found = findConstrainedName([name], { permitted, excluded });
		assert.equal(found === undefined, isAllowed, JSON.stringify([name, permitted, excluded]));
	}
});
