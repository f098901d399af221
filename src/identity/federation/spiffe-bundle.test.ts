/** Bundles of others are handed on as every workload's library can read them: one bad key makes Go's drop all bundles at once. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { parseSpiffeBundle } from "./spiffe-bundle.ts";

type Jwk = Record<string, string>;
const newJwk = (namedCurve = "P-256"): Jwk =>
	generateKeyPairSync("ec", { namedCurve }).publicKey.export({ format: "jwk" }) as Jwk;
const read = (jwk: Jwk) =>
	parseSpiffeBundle("other.domain", JSON.stringify({ keys: [{ ...jwk, use: "jwt-svid", kid: "k" }] })).jwks[0]!;

test("keys of a bundle are written as RFC 7518 has them, however they came", () => {
	const jwk = newJwk();
	const bytes = Buffer.from(jwk["x"]!, "base64url");
	const forms = [`${jwk["x"]}=`, bytes.toString("base64"), ` ${jwk["x"]}\n`];
	forms.push(Buffer.concat([Buffer.of(0), bytes]).toString("base64url"));
	for (const x of forms) assert.deepEqual(read({ ...jwk, x }).publicJwk, jwk, JSON.stringify(x));
	for (const curve of ["P-384", "P-521"]) assert.equal(read(newJwk(curve)).publicJwk["crv"], curve);
});

test("a sequence has 64 bits; what is none is passed over", () => {
	const jwk = { ...newJwk(), use: "jwt-svid", kid: "k" };
	const sequenceOf = (text: string) =>
		parseSpiffeBundle("other.domain", `{"keys":[${JSON.stringify(jwk)}],"spiffe_sequence":${text}}`).sequence;
	assert.deepEqual(["0", "9007199254740993", "18446744073709551615"].map(sequenceOf), [
		0n,
		2n ** 53n + 1n,
		2n ** 64n - 1n,
	]);
	for (const text of ["-1", "1.5", "1e3", "18446744073709551616", '"7"', "null", "true", "[7]"])
		assert.equal(sequenceOf(text), undefined, text);
});

test("keys that other libraries cannot read, or by which everybody signs, are refused", () => {
	const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" }) as Jwk;
	assert.equal(read(rsa).publicJwk["n"], rsa["n"]);
	for (const jwk of [newJwk("secp256k1"), { ...rsa, e: "AQ" }, { ...newJwk(), y: newJwk()["y"]! }])
		assert.throws(() => read(jwk), { code: "FEDERATION_BUNDLE" }, JSON.stringify(jwk));
});
