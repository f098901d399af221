/** Tokens that must not be believed, and odd ones that may, at listeners that the control plane makes of RequestAuthentications: amime and a
 *  stock Envoy say the same. */
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { parseObjects } from "../support/control-mesh.ts";
import { eventually } from "../support/eventually.ts";
import { type HttpAnswer, sendRequest } from "../support/http-call.ts";
import { ordersWorkload, startOrdersProxy, toDocuments, tokensBy } from "../support/orders-workload.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import type { ProxyKind } from "../support/proxy-process.ts";
import { talk } from "../support/tcp-talk.ts";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const small = generateKeyPairSync("rsa", { modulusLength: 1024 });
const other = generateKeyPairSync("rsa", { modulusLength: 2048 });
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const p521 = generateKeyPairSync("ec", { namedCurve: "P-521" });
const ed25519 = generateKeyPairSync("ed25519");
const jwk = ({ publicKey }: { readonly publicKey: KeyObject }, more: object): object => ({
	...publicKey.export({ format: "jwk" }),
	...more,
});
const keySet = {
	keys: [
		jwk(rsa, { kid: "rsa", alg: "RS256", use: "sig" }),
		// Of a key that names no algorithm every one of its type is taken.
		jwk(rsa, { kid: "any-rsa" }),
		jwk(p256, { kid: "p256", alg: "ES256" }),
		jwk(p384, { kid: "p384", alg: "ES384" }),
		jwk(p521, { kid: "p521", alg: "ES512" }),
		jwk(ed25519, { kid: "ed25519", alg: "EdDSA" }),
		jwk(small, { kid: "small", alg: "RS256" }),
	],
};

const issuer = "https://issuer.example";
const now = Math.floor(Date.now() / 1000);
const claims = { iss: issuer, sub: "ada", aud: "shop", exp: now + 3600 };
const encode = (value: unknown): string =>
	(Buffer.isBuffer(value) ? value : Buffer.from(text(value))).toString("base64url");
const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

type Signer = (input: string) => Buffer;
const rs256: Signer = (input) => sign("RSA-SHA256", Buffer.from(input), rsa.privateKey);
const es =
	(hash: string, { privateKey }: { readonly privateKey: KeyObject }): Signer =>
	(input) =>
		sign(hash, Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" });
const hmac =
	(secret: string | Buffer): Signer =>
	(input) =>
		createHmac("sha256", secret).update(input).digest();

/** A token; header and payload may be texts that JSON would not make. */
function token(header: unknown, payload: unknown, signer: Signer): string {
	const input = `${encode(header)}.${encode(payload)}`;
	return `${input}.${signer(input).toString("base64url")}`;
}

const nest = (depth: number): string =>
	`{"iss":"${issuer}","sub":"ada","aud":"shop","exp":${now + 3600},"x":${"[".repeat(depth)}1${"]".repeat(depth)}}`;
const head = { alg: "RS256", kid: "rsa", typ: "JWT" };
const good = token(head, claims, rs256);
const [goodHead, goodPayload, goodSignature] = good.split(".") as [string, string, string];
const bearer = (value: string) => ({ authorization: `Bearer ${value}` });
const of = (header: unknown, payload: unknown = claims, signer: Signer = rs256) =>
	bearer(token(header, payload, signer));
const spki = rsa.publicKey.export({ type: "spki", format: "pem" }) as string;
const der = rsa.publicKey.export({ type: "spki", format: "der" });
const forged = (header: object) =>
	of({ ...head, ...header }, claims, (input) => sign("RSA-SHA256", Buffer.from(input), other.privateKey));

/** Requests that reach the application. */
const accepted: Readonly<Record<string, Record<string, string>>> = {
	"a good token": bearer(good),
	"one without a key id": of({ alg: "RS256" }),
	ES256: of({ alg: "ES256", kid: "p256" }, claims, es("SHA256", p256)),
	ES384: of({ alg: "ES384", kid: "p384" }, claims, es("SHA384", p384)),
	ES512: of({ alg: "ES512", kid: "p521" }, claims, es("SHA512", p521)),
	EdDSA: of({ alg: "EdDSA", kid: "ed25519" }, claims, (input) => sign(null, Buffer.from(input), ed25519.privateKey)),
	"PS256 by a key that names no algorithm": of({ alg: "PS256", kid: "any-rsa" }, claims, (input) =>
		sign("RSA-SHA256", Buffer.from(input), { key: rsa.privateKey, padding: 6, saltLength: 32 }),
	),
	"audiences with the right one among them": of(head, { ...claims, aud: ["x", "shop"] }),
	"the audience of another rule of the issuer": of(head, { ...claims, aud: "desk" }),
	"an end within the leeway": of(head, { ...claims, exp: now - 20 }),
	"a beginning within the leeway": of(head, { ...claims, nbf: now + 20 }),
	"a key of its own that nobody looks at": of({ ...head, jku: "http://127.0.0.1:1/keys", jwk: jwk(other, {}) }),
	"claims a hundred levels deep": of(head, nest(99)),
	"white space around it": bearer(`${good} `),
	"padding behind the signature": bearer(`${good}==`),
};

/** Requests that do not. */
const refused: Readonly<Record<string, Record<string, string>>> = {
	"no token": {},
	...Object.fromEntries(
		["none", "None", "NONE", "nOnE", "", "HS256 ", "rs256", "RS256\u0000"].flatMap((alg) => [
			[`alg ${JSON.stringify(alg)} without a signature`, bearer(`${encode({ ...head, alg })}.${goodPayload}.`)],
			[`alg ${JSON.stringify(alg)} with one`, bearer(`${encode({ ...head, alg })}.${goodPayload}.${goodSignature}`)],
		]),
	),
	"no alg": of({ kid: "rsa" }),
	"an alg that is no text": of({ ...head, alg: ["RS256"] }),
	"claims that are no UTF-8": of(head, Buffer.from(text({ ...claims, name: "ad\xe9" }), "latin1")),
	"a header that is no UTF-8": of(Buffer.from(text({ ...head, cty: "ad\xe9" }), "latin1")),
	"HS256 by the public key in PEM": of({ alg: "HS256", kid: "rsa" }, claims, hmac(spki)),
	"HS256 by the public key in PEM, without a key id": of({ alg: "HS256" }, claims, hmac(spki)),
	"HS256 by the public key in DER": of({ alg: "HS256", kid: "any-rsa" }, claims, hmac(der)),
	"HS256 by the modulus": of({ alg: "HS256" }, claims, hmac(String(rsa.publicKey.export({ format: "jwk" }).n))),
	"HS256 by nothing": of({ alg: "HS256" }, claims, hmac("")),
	"ES256 by the key id of an RSA key": of({ alg: "ES256", kid: "rsa" }, claims, es("SHA256", p256)),
	"RS256 by the key id of an EC key": of({ alg: "RS256", kid: "p256" }),
	"RS512 by a key of RS256": of({ alg: "RS512", kid: "rsa" }, claims, (input) =>
		sign("RSA-SHA512", Buffer.from(input), rsa.privateKey),
	),
	"ES256 by P-384": of({ alg: "ES256", kid: "p384" }, claims, es("SHA256", p384)),
	"ES256 in DER": of({ alg: "ES256", kid: "p256" }, claims, (input) =>
		sign("SHA256", Buffer.from(input), p256.privateKey),
	),
	"ES256 of zeros": of({ alg: "ES256", kid: "p256" }, claims, () => Buffer.alloc(64)),
	"ES256 of nothing": bearer(`${encode({ alg: "ES256", kid: "p256" })}.${goodPayload}.`),
	"a foreign key": forged({}),
	"a foreign key in the header": forged({ jwk: jwk(other, { kid: "rsa" }) }),
	"a foreign key by its address": forged({ jku: "http://127.0.0.1:1/keys", x5u: "http://127.0.0.1:1/keys" }),
	"a foreign certificate in the header": forged({ x5c: ["MIIB"], kid: undefined }),
	"a small foreign key": of(head, claims, (input) => sign("RSA-SHA256", Buffer.from(input), small.privateKey)),
	...Object.fromEntries(
		[
			"../../../dev/null",
			"' OR 1=1 --",
			"rsa\u0000",
			"RSA",
			"rsa ",
			"__proto__",
			"constructor",
			"*",
			"http://127.0.0.1/",
		].map((kid) => [`the key id ${JSON.stringify(kid)}`, forged({ kid })]),
	),
	"a key id that is a number": of({ ...head, kid: 1 }),
	"a key id of null": forged({ kid: null }),
	"another issuer": of(head, { ...claims, iss: "https://other.example" }),
	"an issuer with a slash more": of(head, { ...claims, iss: `${issuer}/` }),
	"no issuer": of(head, { ...claims, iss: undefined }),
	"an issuer that is a list": of(head, { ...claims, iss: [issuer] }),
	"another audience": of(head, { ...claims, aud: "other" }),
	"audiences without the right one": of(head, { ...claims, aud: ["a", "shopping", "SHOP"] }),
	"no audience": of(head, { ...claims, aud: undefined }),
	"an audience that is an object": of(head, { ...claims, aud: { shop: true } }),
	"audiences of which one is no text": of(head, { ...claims, aud: ["shop", 1] }),
	"one that has ended": of(head, { ...claims, exp: now - 600 }),
	"one that begins later": of(head, { ...claims, nbf: now + 600 }),
	"an end in words": of(head, { ...claims, exp: "tomorrow" }),
	"an end below zero": of(head, { ...claims, exp: -1 }),
	"an end of NaN": of(head, `{"iss":"${issuer}","sub":"ada","aud":"shop","exp":NaN}`),
	"two parts": bearer(`${goodHead}.${goodPayload}`),
	"four parts": bearer(`${good}.${goodSignature}`),
	"a token in five parts (JWE)": bearer(`${goodHead}.a.b.c.d`),
	"another signature": bearer(`${goodHead}.${goodPayload}.${goodSignature.slice(0, -8)}AAAAAAAA`),
	"another payload": bearer(`${goodHead}.${encode({ ...claims, sub: "root" })}.${goodSignature}`),
	"a payload that is no JSON": of(head, "ada"),
	"a payload that is a list": of(head, [claims]),
	"a header that is a list": of([head]),
	"a payload behind which something follows": of(head, `${JSON.stringify(claims)} {"sub":"root"}`),
	"base64 where base64url belongs": bearer(`${goodHead}.${goodPayload}.${goodSignature.slice(0, -2)}+/`),
	"a payload behind another encoding": bearer(
		`${goodHead}.${goodPayload.slice(0, 5)}%3d${goodPayload.slice(5)}.${goodSignature}`,
	),
	"another scheme": { authorization: `Basic ${good}` },
	"no scheme": { authorization: good },
	"claims deeper than that": of(head, nest(100)),
	"claims as deep as a well": of(head, nest(10_000)),
	"the same claim twice": of(head, `{"iss":"${issuer}","sub":"root","sub":"ada","aud":"shop","exp":${now + 3600}}`),
	"the same claim in two spellings": of(
		head,
		`{"iss":"${issuer}","sub":"root","s\\u0075b":"ada","aud":"shop","exp":${now + 3600}}`,
	),
	"alg twice": of('{"alg":"none","alg":"RS256","kid":"rsa"}'),
	"a subject with a zero behind it": of(head, { ...claims, sub: "ada\u0000" }),
	"a byte order mark before the payload": of(head, `\ufeff${JSON.stringify(claims)}`),
	"something behind a comma": bearer(`${good},x`),
	"two tokens in one header": bearer(`${good}, Bearer ${good}`),
	"a signature cut short": of({ alg: "ES256", kid: "p256" }, claims, (input) =>
		es("SHA256", p256)(input).subarray(0, 63),
	),
	"an end beyond all time": of(head, { ...claims, exp: 1e30 }),
};

function describeMesh(): string {
	return toDocuments(
		ordersWorkload,
		tokensBy(
			// Another rule for the same issuer: a token that satisfies one of them is good.
			{
				issuer,
				audiences: ["desk"],
				jwks: JSON.stringify(keySet),
				outputClaimToHeaders: [{ header: "x-sub", claim: "sub" }],
			},
			{
				issuer,
				audiences: ["shop"],
				jwks: JSON.stringify(keySet),
				fromHeaders: [{ name: "authorization", prefix: "Bearer " }, { name: "x-token" }],
				fromParams: ["token"],
				outputClaimToHeaders: [{ header: "x-sub", claim: "sub" }],
			},
		),
		{
			apiVersion: "security.istio.io/v1",
			kind: "AuthorizationPolicy",
			metadata: { name: "only-ada", namespace: "shop" },
			spec: { rules: [{ from: [{ source: { requestPrincipals: [`${issuer}/ada`] } }] }] },
		},
	);
}

interface World {
	/** What reached the application. */
	readonly seen: string[];
	readonly port: number;
	ask(headers: Readonly<Record<string, string>>, path?: string): Promise<HttpAnswer>;
	/** What the proxy has logged. */
	stdout(): string;
}

for (const kind of ["amime", "envoy"] as const) {
	const skip = kind === "envoy" ? skipWithout("envoy", findEnvoy()) : false;
	test(`tokens are believed for what they prove, on ${kind}`, { skip }, async (t) => {
		const { ask, port, seen, stdout } = await startWorld(t, kind);

		await t.test("good ones of every algorithm", async () => {
			for (const [name, headers] of Object.entries(accepted)) {
				const { status, body } = await ask(headers);
				assert.equal(status, 200, `${name}: ${body}`);
				assert.deepEqual(seen.splice(0), ["ada"], name);
			}
		});

		await t.test("and no others", async () => {
			for (const [name, headers] of Object.entries(refused)) {
				const answer = await ask(headers).catch(() => ({ status: 400, headers: {}, body: "" }) as HttpAnswer);
				const { status } = answer;
				// Who calls in plain text is a stranger: which policy it was is not told.
				assert.equal(answer.headers["x-amime-reason"], undefined, name);
				assert.doesNotMatch(answer.body, /only-ada|policy\[/, name);
				assert.ok(status === 401 || status === 403 || status === 400, `${name}: ${status}`);
				assert.deepEqual(seen.splice(0), [], name);
			}
		});

		await t.test(
			"a key of the set that is too small is none",
			{ skip: kind === "envoy" && "Envoy takes it" },
			async () => {
				const bySmall = of({ alg: "RS256", kid: "small" }, claims, (input) =>
					sign("RSA-SHA256", Buffer.from(input), small.privateKey),
				);
				assert.equal((await ask(bySmall)).status, 401);
				assert.deepEqual(seen.splice(0), []);
			},
		);

		await t.test(
			"what is critical must be understood",
			{ skip: kind === "envoy" && "Envoy passes it over" },
			async () => {
				for (const more of [{ crit: ["exp"] }, { crit: ["b64"], b64: false }, { crit: ["x"], x: 1 }, { crit: [] }]) {
					assert.equal((await ask(of({ ...head, ...more }))).status, 401, JSON.stringify(more));
					assert.deepEqual(seen.splice(0), []);
				}
			},
		);

		await t.test("a bad token beside a good one spoils the request, wherever it is", async () => {
			const bad = token(head, { ...claims, sub: "root" }, hmac("x"));
			const pairs: [Record<string, string>, string][] = [
				[{ ...bearer(good), "x-token": bad }, "/"],
				[{ ...bearer(bad), "x-token": good }, "/"],
				[bearer(good), `/?token=${bad}`],
				[bearer(bad), `/?token=${good}`],
			];
			for (const [headers, path] of pairs) {
				const { status } = await ask(headers, path);
				// An Envoy looks at all places as well.
				assert.ok(status >= 400, `${JSON.stringify(Object.keys(headers))} ${path.slice(0, 8)}: ${status}`);
				assert.deepEqual(seen.splice(0), []);
			}
			assert.equal((await ask({}, `/?token=${good}`)).status, 200);
			assert.equal((await ask({ "x-token": good })).status, 200);
			seen.splice(0);
		});

		await t.test("a header that is there twice is one that holds two, which no token is", async () => {
			const bad = token(head, { ...claims, sub: "root" }, hmac("x"));
			for (const [first, second] of [
				[good, bad],
				[bad, good],
				[good, good],
			]) {
				const { heard } = await talk({
					port,
					send: [
						{
							bytes: `GET / HTTP/1.1\r\nhost: orders\r\nauthorization: Bearer ${first}\r\nauthorization: Bearer ${second}\r\nconnection: close\r\n\r\n`,
						},
					],
				});
				assert.match(heard, /^HTTP\/1.1 (400|401|403) /);
				assert.deepEqual(seen.splice(0), []);
			}
		});

		await t.test("claims by names that every object has are claims, and no others appear", async () => {
			const odd = `{"iss":"${issuer}","sub":"ada","aud":"shop","exp":${now + 3600},"__proto__":{"sub":"root","iss":"x"},"constructor":{"prototype":{"sub":"root"}},"toString":1,"length":0}`;
			assert.equal((await ask(of(head, odd))).status, 200);
			assert.deepEqual(seen.splice(0), ["ada"]);
			for (const payload of [
				`{"__proto__":{"iss":"${issuer}","sub":"ada","aud":"shop","exp":${now + 3600}}}`,
				`{"iss":"${issuer}","aud":"shop","exp":${now + 3600},"__proto__":{"sub":"ada"}}`,
			])
				assert.ok((await ask(of(head, payload))).status >= 401, payload);
			assert.deepEqual(seen.splice(0), []);
		});

		await t.test("as many claims as a head holds are read", async () => {
			const many = Object.fromEntries(Array.from({ length: 2_000 }, (_, number) => [`c${number}`, number]));
			assert.equal((await ask(of(head, { ...claims, ...many }))).status, 200);
			const long = { ...claims, groups: Array.from({ length: 4_000 }, (_, number) => `g${number}`) };
			assert.equal((await ask(of(head, long))).status, 200);
			assert.equal((await ask(of(head, { ...claims, scope: "a ".repeat(10_000) }))).status, 200);
			assert.deepEqual(seen.splice(0), ["ada", "ada", "ada"]);
		});

		await t.test("a refusal has a line of its own that says why, without the query", async () => {
			const ended = token(head, { ...claims, exp: now - 600 }, rs256);
			const { headers } = await ask({}, `/told?token=${ended}`);
			const line = `"GET /told HTTP/1.1" 401 for "-": jwt_authn_access_denied{Jwt_is_expired}`;
			const told = () =>
				stdout()
					.split("\n")
					.filter((one) => one.includes(line));
			await eventually(() => assert.equal(told().length, 1), { deadlineMs: 20_000 });
			assert.match(told()[0] ?? "", new RegExp(`"${headers["x-request-id"]}"$`));
		});

		await t.test("a client's own claim headers do not arrive", async () => {
			assert.equal((await ask({ ...bearer(good), "x-sub": "root" })).status, 200);
			assert.deepEqual(seen.splice(0), ["ada"]);
		});

		await t.test("a token as long as a head may be is judged, and longer ones end the request", async () => {
			const long = (bytes: number) => of(head, { ...claims, x: "y".repeat(bytes) });
			assert.equal((await ask(long(20_000))).status, 200);
			assert.deepEqual(seen.splice(0), ["ada"]);
			const { status } = await ask(long(100_000)).catch(() => ({ status: 431 }));
			assert.equal(status, 431);
			assert.deepEqual(seen.splice(0), []);
		});
	});
}

/** One workload behind the listener that the control plane makes for it. */
async function startWorld(t: TestContext, kind: ProxyKind): Promise<World> {
	const seen: string[] = [];
	const application = createServer({ maxHeaderSize: 1 << 20 }, (request, response) => {
		seen.push(String(request.headers["x-sub"]));
		response.end("here");
	});
	await new Promise<void>((resolve) => application.listen(0, "127.0.0.1", resolve));
	t.after(() => application.close().closeAllConnections());
	const { port: applicationPort } = application.address() as AddressInfo;
	const { proxy, port } = await startOrdersProxy(t, kind, parseObjects(describeMesh()), applicationPort);
	return {
		seen,
		port,
		stdout: proxy.stdout,
		ask: (headers, path = "/") => sendRequest({ port, path, headers: { host: "orders", ...headers } }),
	};
}
