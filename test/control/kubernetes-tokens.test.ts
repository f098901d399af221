/** Service-account tokens that are forged, borrowed, late or early make no node, and keys that cannot be read are no fault of ours. */
import assert from "node:assert/strict";
import { createHmac, generateKeyPairSync } from "node:crypto";
import { type TestContext, test } from "node:test";
import { createAgentClient } from "../../src/agent/node-identity/index.ts";
import { createNodeAttestors } from "../../src/control/agents/index.ts";
import { systemClock } from "../../src/core/index.ts";
import { createSigningRequest, formatSigningRequest } from "../../src/identity/index.ts";
import type { IdentityRegistry } from "../../src/registry/index.ts";
import { eventually } from "../support/eventually.ts";
import { startKubernetesApi, type TokenOptions } from "../support/kubernetes-api.ts";
import { startNodeWorld } from "../support/node-agent.ts";

const now = Math.floor(Date.now() / 1000);
const account = { name: "amime-agent", uid: "sa-uid" };
const bound = { pod: { name: "agent-x", uid: "pod-uid-1" }, node: { name: "node-1", uid: "node-uid-1" } };
const hmac = (text: string, secret: string): Buffer => createHmac("sha256", secret).update(text).digest();
const other = { namespace: "other", serviceaccount: account, ...bound };

/** What each check must refuse, and the one that cannot tell because the API server does it. */
const attacks: readonly (readonly [what: string, bend: Partial<TokenOptions>, only?: "keys"])[] = [
	["no algorithm", { header: { alg: "none" }, sign: () => Buffer.of(0) }],
	["no algorithm, written otherwise", { header: { alg: "nOnE" }, sign: () => Buffer.of(0) }],
	["the public key as a shared secret", { header: { alg: "HS256" }, sign: hmac }],
	["another issuer", { claims: { iss: "https://kubernetes.default.svc.evil" } }],
	["no issuer", { claims: { iss: undefined } }],
	["another audience", { claims: { aud: ["vault"] } }],
	["no audience", { claims: { aud: undefined } }],
	["an audience as a prefix", { claims: { aud: ["amime-test"] } }],
	["expired", { claims: { exp: now - 3600 } }],
	["without end", { claims: { exp: undefined } }],
	["not yet", { claims: { nbf: now + 3600 } }],
	["of the future", { claims: { iat: now + 3600 } }],
	["no name of a key", { header: { kid: undefined } }],
	["another key's name", { header: { kid: "two" } }],
	["a key of its own", { header: { kid: "mine", jwk: { kty: "oct", k: "AA" } } }],
	["critical fields", { header: { crit: ["exp"] } }],
	["another namespace", { claims: { sub: "system:serviceaccount:other:amime-agent", "kubernetes.io": other } }],
	["no claims of Kubernetes", { claims: { sub: "admin", "kubernetes.io": undefined } }],
	["claims of Kubernetes as text", { claims: { sub: "admin", "kubernetes.io": "mesh" } }, "keys"],
	[
		"a node that is a path",
		{
			claims: {
				"kubernetes.io": { namespace: "mesh", serviceaccount: account, ...bound, node: { name: "n", uid: "../one" } },
			},
		},
	],
];

async function setUp(t: TestContext, check: "review" | "keys") {
	const cluster = await startKubernetesApi(t);
	const world = await startNodeWorld(t, { attestationFile: cluster.writeAttestationFile(check) });
	const { bundle } = JSON.parse((await world.admin("GET", "/v1/identity/bundle")).body) as { bundle: string };
	const servers = [`127.0.0.1:${world.plane.agentPort}`];
	const client = createAgentClient({ servers, trustDomain: "cluster.local", bundle });
	t.after(() => client.close());
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const csr = formatSigningRequest(createSigningRequest(privateKey, {}));
	const attest = (token: string): Promise<unknown> =>
		client.request("POST", "/v1/agent/attest", { attestor: "k8s_psat", cluster: "prod", token, csr });
	return { cluster, world, attest };
}

const good = { serviceAccount: "amime-agent", audience: "amime" };

for (const check of ["review", "keys"] as const)
	test(`tokens that are not a node's are refused, checked by ${check}`, async (t) => {
		const { cluster, world, attest } = await setUp(t, check);
		for (const [what, bend, only] of attacks)
			if (only === undefined || only === check)
				await assert.rejects(attest(cluster.createToken({ ...good, ...bend })), { code: "ATTESTATION_REFUSED" }, what);
		assert.deepEqual(await world.items("/v1/identity/agents"), []);
		await attest(cluster.createToken(good));
	});

test("keys that cannot be read now are no refusal of the node, and are read anew for each", async (t) => {
	const { cluster, attest } = await setUp(t, "keys");
	const token = cluster.createToken(good);
	const jwks = cluster.read("jwks.json");
	for (const text of ["", "nonsense", "null", "[]", "{}", '{"keys": {}}', '{"keys": [null]}', jwks.slice(0, 100)]) {
		cluster.write("jwks.json", text);
		await assert.rejects(attest(token), { code: "ATTESTATION_UNAVAILABLE" }, text);
	}
	cluster.write("jwks.json", '{"keys": []}');
	await assert.rejects(attest(token), { code: "ATTESTATION_REFUSED" });
	const { keys } = JSON.parse(jwks) as { keys: { kid: string }[] };
	const twin = { ...keys[0], n: Buffer.alloc(256, 0xab).toString("base64url") };
	cluster.write("jwks.json", JSON.stringify({ keys: [twin, ...keys] }));
	await attest(token);
});

test("a reviewer's token that cannot be read now is no refusal of the node", async (t) => {
	const { cluster, attest } = await setUp(t, "review");
	cluster.remove("reviewer.token");
	await assert.rejects(attest(cluster.createToken(good)), { code: "ATTESTATION_UNAVAILABLE" });
});

test("an API server is asked for what may be a node's alone, and for so many reviews at a time", async (t) => {
	const cluster = await startKubernetesApi(t);
	const attestors = createNodeAttestors(cluster.writeAttestationFile("review"), {} as IdentityRegistry, systemClock);
	const attest = (shown: string) =>
		attestors.find(({ name }) => name === "k8s_psat")!.attest({ cluster: "prod", token: shown }, "key");
	const token = cluster.createToken(good);
	const foreign = cluster.createToken({ ...good, serviceAccount: "default" });
	const long = cluster.createToken({ ...good, claims: { x: "x".repeat(20_000) } });
	for (const text of ["x", "a.b.c", "..", `${token}.`, `.${token}`, "e30.e30.e30", "e30.bnVsbA.e30", foreign, long])
		await assert.rejects(attest(text), { code: "ATTESTATION_REFUSED" }, text.slice(0, 20));
	assert.equal(cluster.reviews.count, 0);
	const release = Promise.withResolvers<void>();
	cluster.hold(release.promise);
	const asked = Array.from({ length: 300 }, () =>
		attest(token).then(
			() => "attested",
			(error: { readonly code: string }) => error.code,
		),
	);
	// Those beyond the bound are told at once.
	assert.equal(await Promise.race(asked), "ATTESTATION_UNAVAILABLE");
	await eventually(() => assert.equal(cluster.reviews.count, 8));
	release.resolve();
	const outcomes = Map.groupBy(await Promise.all(asked), (outcome) => outcome);
	assert.deepEqual([...outcomes.keys()].sort(), ["ATTESTATION_UNAVAILABLE", "attested"]);
	assert.equal(outcomes.get("attested")?.length, 8 + 256);
	assert.equal(cluster.reviews.most, 8);
});

test("a file of keys that is none is found at the start", async (t) => {
	const cluster = await startKubernetesApi(t);
	const attestationFile = cluster.writeAttestationFile("keys");
	for (const text of ["nonsense", "[]", "{}"]) {
		cluster.write("jwks.json", text);
		await assert.rejects(startNodeWorld(t, { attestationFile }), {
			code: "ATTESTATION_FILE_INVALID",
			message: /kubernetes\[0\]\.jwks: .*jwks\.json: (is no JSON|must be a JSON Web Key Set)/,
		});
	}
});
