/** Claims of every kind as headers, and tokens in odd places, at listeners that the control plane makes: amime and a stock Envoy say the same. */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { type TestContext, test } from "node:test";
import { parseObjects } from "../support/control-mesh.ts";
import { startApplication } from "../support/control-plane.ts";
import { sendRequest } from "../support/http-call.ts";
import { ordersWorkload, startOrdersProxy, toDocuments, tokensBy } from "../support/orders-workload.ts";
import { findEnvoy, skipWithout } from "../support/peers.ts";
import type { ProxyKind } from "../support/proxy-process.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const issuer = "https://issuer.example";
const now = Math.floor(Date.now() / 1000);
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function createToken(claims: object): string {
	const text = `${encode({ alg: "ES256", kid: "one" })}.${encode({ iss: issuer, sub: "ada", exp: now + 3600, ...claims })}`;
	return `${text}.${sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

const claimed = ["sub", "groups", "age", "ratio", "isAdmin", "address", "address.city", "a.b.c", "none", "text"];
const config = toDocuments(
	ordersWorkload,
	tokensBy({
		issuer,
		jwks: JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one", alg: "ES256" }] }),
		fromHeaders: [{ name: "authorization", prefix: "Bearer " }, { name: "x-token" }],
		fromParams: ["token"],
		outputClaimToHeaders: claimed.map((claim, at) => ({ header: `x-claim-${at}`, claim })),
		outputPayloadToHeader: "x-payload",
	}),
);

type Heads = Record<string, string>;
interface Outcome {
	readonly status: number;
	/** The claims that arrived. */
	readonly claims: Heads | undefined;
	readonly url: string | undefined;
}

async function startWorld(t: TestContext, kind: ProxyKind) {
	const seen: { readonly headers: Heads; readonly url: string }[] = [];
	const application = await startApplication(t, (request, response) => {
		seen.push({ headers: request.headers as Heads, url: request.url! });
		response.end("here");
	});
	const { port } = await startOrdersProxy(t, kind, parseObjects(config), application);
	return async (headers: Heads, path = "/"): Promise<Outcome> => {
		seen.length = 0;
		const { status } = await sendRequest({ port, path, headers: { host: "orders", ...headers } });
		const names = claimed.flatMap((claim, at) => {
			const value = seen[0]?.headers[`x-claim-${at}`];
			return value === undefined ? [] : [[claim, value] as const];
		});
		return { status, claims: seen[0] && Object.fromEntries(names), url: seen[0]?.url };
	};
}

const bearer = (claims: object): Heads => ({ authorization: `Bearer ${createToken(claims)}` });
const good = createToken({});
const dotless = good.replaceAll(".", "%2E");
const requests: Readonly<Record<string, readonly [Heads, string?]>> = {
	text: [bearer({ text: "plain" })],
	"text with a comma, a quote and blanks": [bearer({ text: ' a, "b" ' })],
	"text of other letters": [bearer({ text: "Zoë €" })],
	"empty text": [bearer({ text: "" })],
	numbers: [bearer({ age: 42, ratio: 0.5 })],
	"large and small numbers": [bearer({ age: 9007199254740992, ratio: 1e-9 })],
	"negative numbers and exponents": [bearer({ age: -1, ratio: 1.5e300 })],
	"whole numbers with a point": [bearer({ age: 3, ratio: -0.0 })],
	flags: [bearer({ isAdmin: true })],
	"a flag that is false": [bearer({ isAdmin: false })],
	null: [bearer({ text: null, groups: null })],
	"a list of texts": [bearer({ groups: ["a", "b"] })],
	"an empty list": [bearer({ groups: [] })],
	"a mixed list": [bearer({ groups: ["a", 1, true, null, ["b"], { c: 1 }] })],
	// Of several fields the order is Envoy's own.
	"an object": [bearer({ address: { city: "Ulm" } })],
	"an empty object": [bearer({ address: {} })],
	"nested claims": [bearer({ address: { city: "Ulm" }, a: { b: { c: "deep" } } })],
	"a claim with dots in its name": [bearer({ "address.city": "flat", "a.b.c": "flat" })],
	"both of them": [bearer({ "address.city": "flat", address: { city: "nested" } })],
	"a nested claim under text": [bearer({ address: "Ulm", a: { b: "text" } })],
	"own headers": [{ ...bearer({}), "x-claim-1": "root", "x-claim-8": "root" }],
	"own headers without a token": [{ "x-claim-1": "root", "x-payload": "root" }],
	"a parameter": [{}, `/?token=${good}`],
	"a parameter among others": [{}, `/p?a=1&token=${good}&b=2#x`],
	"a parameter with encoded dots": [{}, `/?token=${dotless}`],
	"a parameter with an encoded name": [{}, `/?%74oken=${good}`],
	"a parameter twice": [{}, `/?token=${good}&token=bad`],
	"a parameter twice, the bad one first": [{}, `/?token=bad&token=${good}`],
	"an empty parameter": [{}, "/?token="],
	"a parameter of other case": [{}, `/?Token=${good}`],
	"a blank before it": [{}, `/?token=%20${good}`],
	"good ones in three places": [{ authorization: `Bearer ${good}`, "x-token": good }, `/?token=${good}`],
	"of two callers": [{ ...bearer({ sub: "ada" }), "x-token": createToken({ sub: "bob" }) }],
	"bearer in lower case": [{ authorization: `bearer ${good}` }],
	"bearer with two blanks": [{ authorization: `Bearer  ${good}` }],
	"bearer with more behind": [{ authorization: `Bearer ${good},x` }],
	"another scheme before it": [{ authorization: `Basic x, Bearer ${good}` }],
	"bearer without a token": [{ authorization: "Bearer " }],
	"a header with a scheme": [{ "x-token": `Bearer ${good}` }],
};

test("claims and places are the same for amime and a stock Envoy", {
	skip: skipWithout("envoy", findEnvoy()),
}, async (t) => {
	const [amime, envoy] = [await startWorld(t, "amime"), await startWorld(t, "envoy")];
	for (const [name, [headers, path]] of Object.entries(requests)) {
		assert.deepEqual(await amime(headers, path), await envoy(headers, path), name);
	}
});

for (const kind of ["amime", "envoy"] as const)
	test(`a claim with a line end makes no other header, on ${kind}`, {
		skip: kind === "envoy" && skipWithout("envoy", findEnvoy()),
	}, async (t) => {
		const ask = await startWorld(t, kind);
		for (const text of [
			"a\r\nx-claim-1: root",
			"a\nx-claim-1: root",
			"a\rb",
			"a\0b",
			"\n",
			"a\r\n\r\nGET / HTTP/1.1",
		]) {
			const { status, claims } = await ask(bearer({ text }));
			assert.ok(status === 401 || status === 503, `${JSON.stringify(text)}: ${status}`);
			assert.equal(claims, undefined, "nothing arrived");
		}
		assert.equal((await ask(bearer({ text: "plain" }))).status, 200);
	});
