/** Odd RequestAuthentications: what is taken when it is written no proxy refuses, and with it everything else that it is sent. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { parseDocuments } from "../../src/config/index.ts";
import { parseKeySet } from "../../src/engine/jwt/index.ts";
import { translateListener } from "../../src/proxy/runtime-config/index.ts";
import { ordersWorkload, toDocuments, tokensBy, translateOrders } from "../support/orders-workload.ts";

const publicJwk = ({ publicKey }: { readonly publicKey: KeyObject }): Record<string, string> =>
	publicKey.export({ format: "jwk" }) as Record<string, string>;
const rsa = publicJwk(generateKeyPairSync("rsa", { modulusLength: 2048 }));
const small = publicJwk(generateKeyPairSync("rsa", { modulusLength: 1024 }));
const p256 = publicJwk(generateKeyPairSync("ec", { namedCurve: "P-256" }));
const ed25519 = publicJwk(generateKeyPairSync("ed25519"));

/** Key sets of one key, and whether it can be used. */
const keys: readonly (readonly [usable: boolean, key: unknown])[] = [
	...[{}, { kid: "k", alg: "RS256" }, { alg: "PS512" }, { use: "enc" }, { kid: 5 }, { alg: 5 }, { alg: null }].map(
		(more) => [true, { ...rsa, ...more }] as const,
	),
	...["ES256", "none", "HS256", "rs256", "EdDSA"].map((alg) => [false, { ...rsa, alg }] as const),
	...[{ n: "!" }, { n: undefined }, { e: 3 }, { kty: "rsa" }, { kty: undefined }, { kty: ["RSA"] }].map(
		(more) => [false, { ...rsa, ...more }] as const,
	),
	[false, small],
	...[{}, { alg: "ES256" }, { crv: undefined }, { crv: "", alg: "ES256" }].map(
		(more) => [true, { ...p256, ...more }] as const,
	),
	...[{ alg: "ES384" }, { crv: "P-384" }, { crv: 1 }, { x: p256["y"] }, { y: undefined }, { alg: "RS256" }].map(
		(more) => [false, { ...p256, ...more }] as const,
	),
	[true, ed25519],
	[true, { ...ed25519, alg: "EdDSA" }],
	...[{ crv: "Ed448" }, { crv: undefined }, { x: "AA" }, { alg: "ES256" }].map(
		(more) => [false, { ...ed25519, ...more }] as const,
	),
	[true, { kty: "oct", k: "c2VjcmV0" }],
	...[{ k: "" }, { k: 1 }, { k: "c2VjcmV0", alg: "HS1" }].map((more) => [false, { kty: "oct", ...more }] as const),
	...[null, "x", [], 1].map((key) => [false, key] as const),
];

/** What becomes of a workload's listener with a rule for tokens; undefined when the rule is refused. */
function translateRule(rule: object) {
	const documents = toDocuments(ordersWorkload, tokensBy({ issuer: "me", ...rule }));
	const { objects, problems } = parseDocuments(documents, "test.yaml");
	const listener = translateListener(translateOrders(objects).listener);
	return { isRefused: problems.some(({ severity }) => severity === "error"), listener };
}

test("a key set is taken when proxies can use it, alone and among others", () => {
	for (const [isUsable, key] of keys)
		for (const [set, expected] of [
			[[key], isUsable],
			[[key, rsa], true],
		] as const) {
			const jwks = JSON.stringify({ keys: set });
			assert.equal(Array.isArray(parseKeySet(Buffer.from(jwks))), expected, `engine: ${jwks}`);
			const { isRefused, listener } = translateRule({ jwks });
			assert.equal(isRefused, !expected, jwks);
			assert.ok(listener.ok, jwks);
		}
	const many = (count: number): string => JSON.stringify({ keys: Array.from({ length: count }, () => ed25519) });
	assert.deepEqual(
		[translateRule({ jwks: many(1000) }).isRefused, translateRule({ jwks: many(1001) }).isRefused],
		[false, true],
	);
});

test("what else a rule says is taken when proxies can use it", () => {
	const jwks = JSON.stringify({ keys: [p256] });
	for (const [isGood, rule] of [
		[true, { jwksUri: "http://[::1]:8080/keys?a=b" }],
		[true, { jwksUri: "HTTPS://login.example/keys" }],
		[false, { jwksUri: "https://login.example:99999/keys" }],
		[false, { jwksUri: "http://login example/" }],
		[true, { jwks, fromHeaders: [{ name: "x-token", prefix: "Token " }] }],
		[false, { jwks, fromHeaders: [{ name: "x-token", prefix: "\n" }] }],
		[false, { jwks, fromHeaders: [{ name: ":path" }] }],
		[false, { jwks, outputPayloadToHeader: "x y" }],
	] as const) {
		const { isRefused, listener } = translateRule(rule);
		assert.equal(isRefused, !isGood, JSON.stringify(rule));
		assert.ok(listener.ok, JSON.stringify(rule));
	}
});
