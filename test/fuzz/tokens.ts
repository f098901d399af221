/** Feeds the readers of JSON web tokens and key sets with damaged ones: `node test/fuzz/tokens.ts [seed]` runs until it is stopped or
 *  finds something. The short run of the suite is tokens.test.ts. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createSeededRandom, type Random } from "../../src/core/index.ts";
import { checkTimes, isAudienceAllowed, parseKeySet, parseToken, verifySignature } from "../../src/engine/jwt/index.ts";
import { type JsonWebKeySet, verifyToken } from "../../src/identity/jwt-verify.ts";
import { below, damageText } from "./damage.ts";
import { pick } from "./random-document.ts";

const pairs = {
	RS256: generateKeyPairSync("rsa", { modulusLength: 2048 }),
	ES256: generateKeyPairSync("ec", { namedCurve: "P-256" }),
	EdDSA: generateKeyPairSync("ed25519"),
};
type Algorithm = keyof typeof pairs;

const keySet = JSON.stringify({
	keys: Object.entries(pairs).map(([kid, { publicKey }]) => ({ ...publicKey.export({ format: "jwk" }), kid })),
});
const goodKeys = parseKeySet(Buffer.from(keySet));
assert.ok(typeof goodKeys !== "string");

const headers = ['{"alg":"RS256"}', '{"alg":"ES256","kid":"ES256"}', '{"alg":"EdDSA","kid":"EdDSA","typ":"JWT"}'];
const payloads = [
	'{"iss":"i","sub":"s","aud":["a","b"],"exp":2000000000,"nbf":1}',
	'{"aud":"https://a/","iat":1.5,"jti":"x","nested":{"a":[1,{"b":null}]}}',
];
const words = [
	'"',
	"{",
	"}",
	"[",
	"]",
	",",
	":",
	"\\",
	"\\u0000",
	"null",
	"1e999",
	"-1",
	'"alg":"none"',
	'"alg":"HS256"',
];
const marks = [".", "=", "-", "_", "+", "/", " ", "\n", "e30", "AAAA", "."];
const fields = [
	'"kty":"RSA"',
	'"kty":"EC"',
	'"crv":"P-384"',
	'"crv":"__proto__"',
	'"k":""',
	'"e":"AQ"',
	'"alg":"ES512"',
	"[]",
	"{}",
];

const encode = (text: string | Buffer): string => Buffer.from(text as string, "latin1").toString("base64url");

function signToken(algorithm: Algorithm, header: string, payload: string): string {
	const text = `${encode(header)}.${encode(payload)}`;
	const key: KeyObject = pairs[algorithm].privateKey;
	const data = Buffer.from(text);
	const signature =
		algorithm === "EdDSA"
			? sign(null, data, key)
			: sign("sha256", data, algorithm === "ES256" ? { key, dsaEncoding: "ieee-p1363" } : key);
	return `${text}.${signature.toString("base64url")}`;
}

/** Both readers say something of any token, and neither takes one that was changed after it was signed. */
export function checkToken(token: string, isSigned: boolean): void {
	try {
		const read = parseToken(token);
		const other = verifyToken(token, JSON.parse(keySet) as JsonWebKeySet, { now: 0, audiences: ["a"] });
		assert.ok(isSigned || !other.ok, "the registry takes what nobody signed");
		if (typeof read === "string") return;
		const status = verifySignature(read, goodKeys as Exclude<typeof goodKeys, string>);
		assert.ok(isSigned || status !== "OK", "the proxy takes what nobody signed");
		checkTimes(read, 0, 60);
		isAudienceAllowed(new Set(["a"]), read.audiences);
	} catch (error) {
		throw new Error(`this token breaks a reader: ${JSON.stringify(token)}`, { cause: error });
	}
}

/** Keys or a problem come of any text, and every key can be used. */
export function checkKeySet(text: string, token: string): void {
	try {
		const keys = parseKeySet(Buffer.from(text));
		const read = parseToken(token);
		if (typeof keys !== "string" && typeof read !== "string") verifySignature(read, keys);
	} catch (error) {
		throw new Error(`this key set breaks the reader: ${JSON.stringify(text)}`, { cause: error });
	}
}

/** One round: damages a token before and after it is signed, and a key set. */
export function fuzzTokens(random: Random): void {
	const algorithm = pick(random, Object.keys(pairs) as Algorithm[]);
	const damagesParts = random.next() < 0.5;
	const header = damagesParts ? damageText(pick(random, headers), words, random) : pick(random, headers);
	const payload = damagesParts ? damageText(pick(random, payloads), words, random) : pick(random, payloads);
	const token = signToken(algorithm, header, payload);
	checkToken(token, true);
	const [head, body, signature] = token.split(".") as [string, string, string];
	const changed = damageText(body, marks, random);
	if (changed.replaceAll(/[\s=]/g, "") !== body) checkToken(`${head}.${changed}.${signature}`, false);
	checkToken(damageText(token, marks, random), true);
	if (below(10, random) === 0) checkKeySet(damageText(keySet, [...words, ...fields], random), token);
}

if (import.meta.main) {
	const random = createSeededRandom(Number(process.argv[2] ?? 1));
	for (;;) fuzzTokens(random);
}
