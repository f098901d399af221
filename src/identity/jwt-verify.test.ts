import assert from "node:assert/strict";
import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { test } from "node:test";
import { type JsonWebKeySet, verifyJwtSvid } from "./index.ts";

const now = Date.UTC(2026, 5, 1);
const seconds = now / 1000;
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const ec384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const weak = generateKeyPairSync("rsa", { modulusLength: 1024 });
const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });

const jwkOf = (kid: string, key: KeyObject, more: object = {}) => ({ ...key.export({ format: "jwk" }), kid, ...more });
const own: JsonWebKeySet = {
	keys: [
		jwkOf("ec", ec.publicKey, { use: "jwt-svid" }),
		jwkOf("ec384", ec384.publicKey),
		jwkOf("rsa", rsa.publicKey),
		jwkOf("weak", weak.publicKey),
		jwkOf("tls", ec.publicKey, { use: "x509-svid" }),
		{ kid: "secret", kty: "oct", k: "c2VjcmV0" },
		{ kid: "broken", kty: "EC", crv: "P-256", x: "AA", y: "AA" },
	],
};
const keysOf = (domain: string): JsonWebKeySet | undefined => (domain === "cluster.local" ? own : undefined);
const good = {
	sub: "spiffe://cluster.local/ns/shop/sa/web",
	aud: ["reviews", "ratings"],
	exp: seconds + 300,
	iat: seconds,
};

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function createToken(header: object, claims: object, signer: (text: Buffer) => Buffer = signEc): string {
	const text = `${encode(header)}.${encode(claims)}`;
	return `${text}.${signer(Buffer.from(text)).toString("base64url")}`;
}

const signEc = (text: Buffer): Buffer => sign("sha256", text, { key: ec.privateKey, dsaEncoding: "ieee-p1363" });
const header = { alg: "ES256", kid: "ec", typ: "JWT" };
const verify = (token: string, audience = "reviews") => verifyJwtSvid(token, keysOf, { audiences: [audience], now });

test("a JWT-SVID of the own trust domain holds, with every asymmetric algorithm", () => {
	const result = verify(createToken(header, good));
	assert.ok(result.ok);
	assert.equal(result.spiffeId, good.sub);
	assert.equal(result.claims["exp"], good.exp);
	assert.ok(verify(createToken({ alg: "ES256", kid: "ec" }, { ...good, aud: "reviews" })).ok, "no type, one audience");
	const sign384 = (text: Buffer) => sign("sha384", text, { key: ec384.privateKey, dsaEncoding: "ieee-p1363" });
	assert.ok(verify(createToken({ alg: "ES384", kid: "ec384" }, good, sign384)).ok);
	for (const hash of ["256", "384", "512"]) {
		const plain = (text: Buffer) => sign(`sha${hash}`, text, rsa.privateKey);
		assert.ok(verify(createToken({ alg: `RS${hash}`, kid: "rsa" }, good, plain)).ok, hash);
		const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
		const pss = (text: Buffer) => sign(`sha${hash}`, text, { key: rsa.privateKey, ...padding });
		assert.ok(verify(createToken({ alg: `PS${hash}`, kid: "rsa" }, good, pss)).ok, hash);
	}
});

const publicPem = ec.publicKey.export({ type: "spki", format: "pem" });
const attacks: readonly (readonly [name: string, token: string, problem: RegExp, audience?: string])[] = [
	["alg none", `${encode({ ...header, alg: "none" })}.${encode(good)}.`, /no signed compact JWT/],
	["alg none with a signature", createToken({ ...header, alg: "none" }, good), /algorithm is not one of/],
	["alg None", createToken({ ...header, alg: "None" }, good), /algorithm is not one of/],
	["alg of a prototype", createToken({ ...header, alg: "constructor" }, good), /algorithm is not one of/],
	[
		"the public key as a shared secret",
		createToken({ ...header, alg: "HS256" }, good, (text) => createHmac("sha256", publicPem).update(text).digest()),
		/algorithm is not one of/,
	],
	[
		"a shared secret of the set",
		createToken({ alg: "HS256", kid: "secret" }, good, (text) => createHmac("sha256", "secret").update(text).digest()),
		/algorithm is not one of/,
	],
	["RSA for an EC key", createToken({ ...header, alg: "RS256" }, good), /does not fit its key/],
	["another curve", createToken({ ...header, alg: "ES384" }, good), /does not fit its key/],
	["EC for a shared secret", createToken({ ...header, kid: "secret" }, good), /does not fit its key/],
	["a damaged key", createToken({ ...header, kid: "broken" }, good), /does not fit its key/],
	[
		"a short RSA key",
		createToken({ alg: "RS256", kid: "weak" }, good, (text) => sign("sha256", text, weak.privateKey)),
		/does not fit its key/,
	],
	["a key for certificates", createToken({ ...header, kid: "tls" }, good), /not one of the trust domain's/],
	["no key id", createToken({ alg: "ES256" }, good), /names no key/],
	["an unknown key id", createToken({ ...header, kid: "none" }, good), /not one of the trust domain's/],
	[
		"a key of its own in the header",
		createToken({ ...header, kid: "mine", jwk: jwkOf("mine", stranger.publicKey) }, good, (text) =>
			sign("sha256", text, { key: stranger.privateKey, dsaEncoding: "ieee-p1363" }),
		),
		/not one of the trust domain's/,
	],
	["another's signature", createToken(header, good, () => Buffer.alloc(64, 1)), /signature does not hold/],
	["a signature of zeros", createToken(header, good, () => Buffer.alloc(64)), /signature does not hold/],
	[
		"a signature in DER",
		createToken(header, good, (text) => sign("sha256", text, ec.privateKey)),
		/signature does not hold/,
	],
	["critical header fields", createToken({ ...header, crit: ["b64"], b64: false }, good), /critical/],
	["another type", createToken({ ...header, typ: "at+jwt" }, good), /neither JWT nor JOSE/],
	["another audience", createToken(header, good), /another audience/, "details"],
	["an empty audience list", createToken(header, { ...good, aud: [] }), /no audience/],
	["no audience", createToken(header, { ...good, aud: undefined }), /no audience/],
	["no end", createToken(header, { ...good, exp: undefined }), /no end/],
	["an end as text", createToken(header, { ...good, exp: "9999999999" }), /no end/],
	["expired", createToken(header, { ...good, exp: seconds - 61 }), /expired/],
	["not yet", createToken(header, { ...good, nbf: seconds + 3600 }), /not valid yet/],
	["of the future", createToken(header, { ...good, iat: seconds + 3600 }), /future/],
	["no subject", createToken(header, { ...good, sub: undefined }), /no SPIFFE ID/],
	["a subject that is a domain", createToken(header, { ...good, sub: "spiffe://cluster.local" }), /not a workload/],
	["another trust domain", createToken(header, { ...good, sub: "spiffe://other/web" }), /no keys of the trust domain/],
	["JSON serialization", JSON.stringify({ payload: encode(good), signatures: [] }), /no signed compact JWT/],
	["five parts", `${createToken(header, good)}.a.b`, /no signed compact JWT/],
	["claims that are a list", createToken(header, [good]), /no JSON object/],
	["nothing", "", /no signed compact JWT/],
	["huge claims", createToken(header, { ...good, more: "x".repeat(70_000) }), /longer than/],
];

for (const [name, token, problem, audience] of attacks)
	test(`a JWT-SVID is refused: ${name}`, () => {
		const result = verify(token, audience);
		assert.ok(!result.ok);
		assert.match(result.problem, problem);
		assert.ok(token === "" || !result.problem.includes(token), "the token itself is not told");
	});

test("claims that were changed after signing are refused", () => {
	const [head, , signature] = createToken(header, good).split(".");
	const changed = [head, encode({ ...good, sub: "spiffe://cluster.local/ns/shop/sa/admin" }), signature].join(".");
	const result = verify(changed);
	assert.ok(!result.ok && result.problem.includes("signature does not hold"));
});

test("a name that the set has twice means either key, whichever comes first", () => {
	const token = createToken(header, good);
	const twins = [jwkOf("ec", stranger.publicKey), jwkOf("ec", ec.publicKey)];
	const [damaged, other] = [{ kid: "ec", kty: "EC", crv: "P-256", x: "AA", y: "AA" }, jwkOf("ec", rsa.publicKey)];
	const holds = (keys: JsonWebKeySet["keys"]) =>
		verifyJwtSvid(token, () => ({ keys }), { audiences: ["reviews"], now }).ok;
	for (const keys of [twins, twins.toReversed(), [damaged, other, ...twins]]) assert.ok(holds(keys));
	assert.ok(!holds([jwkOf("ec", stranger.publicKey), damaged, other]));
});
