/** Agents: how nodes show who they are, what they are refused, and what a node can have signed. */
import assert from "node:assert/strict";
import { createHash, createPublicKey, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type AgentClient, createAgentClient } from "../../src/agent/node-identity/index.ts";
import { createSigningRequest, formatSigningRequest, readCertificates } from "../../src/identity/index.ts";
import { eventually } from "../support/eventually.ts";
import { startKubernetesApi } from "../support/kubernetes-api.ts";
import { type NodeWorld, startNodeWorld } from "../support/node-agent.ts";
import { createTestPki } from "../support/pki.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const domain = "spiffe://cluster.local";

test("a join token makes one node, once and in time", async (t) => {
	const world = await startNodeWorld(t);
	const token = await world.createToken();
	const first = await world.createAgent(t, { kind: "join_token", token });
	await first.start();
	assert.match(first.session.spiffeId()!, /^spiffe:\/\/cluster\.local\/amime\/agent\/join_token\//);
	const [listed] = await world.items<Record<string, unknown>>("/v1/identity/agents");
	assert.equal(listed!["spiffeId"], first.session.spiffeId());
	const thief = await world.createAgent(t, { kind: "join_token", token });
	await assert.rejects(thief.start(), { code: "ATTESTATION_REFUSED", message: /used before or has expired/ });
	const unknown = await world.createAgent(t, { kind: "join_token", token: "unknown" });
	await assert.rejects(unknown.start(), { code: "ATTESTATION_REFUSED" });
	const answer = await world.admin("POST", "/v1/identity/join-tokens", JSON.stringify({ ttlSeconds: 1 }));
	const { token: shortLived, expiresAt } = JSON.parse(answer.body) as { token: string; expiresAt: string };
	await eventually(() => assert.ok(Date.now() > Date.parse(expiresAt)));
	const late = await world.createAgent(t, { kind: "join_token", token: shortLived });
	await assert.rejects(late.start(), { code: "ATTESTATION_REFUSED" });
	assert.equal((await world.items("/v1/identity/agents")).length, 1);
});

test("of many that show one join token at the same time one becomes a node, and a broken request leaves the token good", async (t) => {
	const world = await startNodeWorld(t);
	const bundle = await bundleOf(world);
	const show = async (token: string, bend: (pem: string) => string = (pem) => pem): Promise<string> => {
		const client = createAgentClient({ servers: serversOf(world), trustDomain: "cluster.local", bundle });
		t.after(() => client.close());
		const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
		const csr = bend(formatSigningRequest(createSigningRequest(privateKey, {})));
		return client.request("POST", "/v1/agent/attest", { attestor: "join_token", token, csr }).then(
			() => "attested",
			(error: { readonly code: string }) => error.code,
		);
	};
	const raced = await world.createToken();
	const outcomes = await Promise.all(Array.from({ length: 20 }, () => show(raced)));
	assert.equal(outcomes.filter((outcome) => outcome === "attested").length, 1, outcomes.join(" "));
	assert.equal(outcomes.filter((outcome) => outcome === "ATTESTATION_REFUSED").length, 19, outcomes.join(" "));
	const token = await world.createToken();
	const withoutEnd = (pem: string): string => pem.replace(/\n.{8}(?=.*\n-----END)/, "\n");
	const swapped = (pem: string): string => pem.replace(/(\w{4})(\w{4})(?=.*\n-----END)/, "$2$1");
	for (const bend of [withoutEnd, swapped]) assert.equal(await show(token, bend), "CSR_INVALID");
	assert.equal(await show(token), "attested");
	assert.equal(await show(token), "ATTESTATION_REFUSED");
});

test("join tokens are not guessed: near ones are refused, however many, and the right one is good still", async (t) => {
	const world = await startNodeWorld(t);
	const tokens = await Promise.all(Array.from({ length: 20 }, () => world.createToken()));
	assert.equal(new Set(tokens).size, tokens.length);
	for (const token of tokens) assert.ok(Buffer.from(token, "base64url").length >= 16, "128 bits and more");
	const [right] = tokens as [string];
	const guesses = [
		...Array.from({ length: 40 }, (_, position) => {
			const at = position % right.length;
			return `${right.slice(0, at)}${right[at] === "A" ? "B" : "A"}${right.slice(at + 1)}`;
		}),
		...[
			"",
			" ",
			`${right} `,
			` ${right}`,
			right.toLowerCase() + right,
			"*",
			"%",
			"' OR 1=1 --",
			"../join-token",
			"__proto__",
		],
	].filter((guess) => guess !== right);
	const outcomes = new Set<unknown>();
	for (const token of guesses) {
		const agent = await world.createAgent(t, { kind: "join_token", token });
		const outcome = await agent.start().then(
			() => "taken",
			(error: { readonly code?: string }) => error.code,
		);
		outcomes.add(outcome);
	}
	assert.deepEqual([...outcomes], ["ATTESTATION_REFUSED"]);
	assert.deepEqual(await world.items("/v1/identity/agents"), []);
	const node = await world.createAgent(t, { kind: "join_token", token: right });
	await node.start();
	assert.equal((await world.items("/v1/identity/agents")).length, 1);
});

test("a node with a certificate of the machine attests again and again; what is wrong with it is told", async (t) => {
	const pki = createTestPki({ trustDomain: "machines" });
	const folder = makeTemporaryFolder(t);
	const write = (name: string, text: string): string => {
		writeFileSync(join(folder, name), text);
		return join(folder, name);
	};
	write("roots.pem", pki.bundlePem);
	const attestationFile = write("attestation.yaml", "x509pop: {roots: roots.pem}\n");
	const world = await startNodeWorld(t, { attestationFile });
	const machine = pki.issue("spiffe://machines/host", { commonName: "host-7" });
	const evidenceOf = (name: string, certificate: { certificateChainPem: string; privateKeyPem: string }) => ({
		kind: "x509pop" as const,
		certificateFile: write(`${name}.pem`, certificate.certificateChainPem),
		keyFile: write(`${name}.key`, certificate.privateKeyPem),
	});
	for (const round of ["first", "again"]) {
		const agent = await world.createAgent(t, evidenceOf(round, machine));
		await agent.start();
		const fingerprint = createHash("sha1").update(readCertificates(machine.certificatePem)[0]!.der).digest("hex");
		assert.equal(agent.session.spiffeId(), `${domain}/amime/agent/x509pop/${fingerprint}`);
	}
	const [{ selectors }] = (await world.items<{ selectors: string[] }>("/v1/identity/agents")) as [
		{ selectors: string[] },
	];
	assert.ok(selectors.includes("x509pop:subject:cn:host-7"), selectors.join(" "));
	assert.equal(selectors.filter((selector) => selector.startsWith("x509pop:ca:fingerprint:")).length, 2);
	const other = pki.issue("spiffe://machines/other");
	const bad: readonly (readonly [string, { certificateChainPem: string; privateKeyPem: string }, RegExp])[] = [
		["foreign", createTestPki({ trustDomain: "machines" }).issue("spiffe://machines/host"), /leads to no authority/],
		["expired", pki.expired("spiffe://machines/host"), /expired/],
		["issuer", pki.issuerAsLeaf(), /authority's/],
		["usage", pki.withWrongKeyUsage("spiffe://machines/host"), /digitalSignature/],
		[
			"stolen",
			{ certificateChainPem: machine.certificateChainPem, privateKeyPem: other.privateKeyPem },
			/not by the key/,
		],
	];
	for (const [name, certificate, message] of bad) {
		const agent = await world.createAgent(t, evidenceOf(name, certificate));
		await assert.rejects(agent.start(), { code: "ATTESTATION_REFUSED", message }, name);
	}
});

for (const check of ["review", "old review", "keys"] as const)
	test(`a node attests with its Pod's service-account token, checked by ${check}`, async (t) => {
		const cluster = await startKubernetesApi(t, { isOld: check === "old review" });
		const attestationFile = cluster.writeAttestationFile(check === "keys" ? "keys" : "review");
		const world = await startNodeWorld(t, { attestationFile });
		const start = async (token: string, name = "prod") => {
			const tokenFile = cluster.write("agent.token", token);
			const agent = await world.createAgent(t, { kind: "k8s_psat", cluster: name, tokenFile });
			await agent.start();
			return agent.session.spiffeId();
		};
		const good = { serviceAccount: "amime-agent", audience: "amime" };
		assert.equal(await start(cluster.createToken(good)), `${domain}/amime/agent/k8s_psat/prod/node-uid-1`);
		const [{ selectors }] = (await world.items("/v1/identity/agents")) as [{ selectors: string[] }];
		for (const selector of ["cluster:prod", "agent_ns:mesh", "agent_sa:amime-agent", "agent_node_name:node-1"])
			assert.ok(selectors.includes(`k8s_psat:${selector}`), selector);
		const refused: readonly (readonly [string, string, string?])[] = [
			["another service account", cluster.createToken({ ...good, serviceAccount: "default" })],
			["another audience", cluster.createToken({ ...good, audience: "vault" })],
			["expired", cluster.createToken({ ...good, expiresInSeconds: -3600 })],
			["forged", cluster.createToken({ ...good, isForged: true })],
			["no Pod", cluster.createToken({ ...good, isBound: false })],
			["no token", "nonsense"],
			["another cluster", cluster.createToken(good), "staging"],
		];
		for (const [what, token, name] of refused)
			await assert.rejects(start(token, name), { code: "ATTESTATION_REFUSED" }, what);
	});

test("an attestation file is refused with every problem of it", async (t) => {
	const folder = makeTemporaryFolder(t);
	const attestationFile = join(folder, "attestation.yaml");
	writeFileSync(
		attestationFile,
		"x509pop: {roots: none.pem}\nkubernetes: [{cluster: 'a b', api: 'http://x'}]\nother: 1\n",
	);
	await assert.rejects(startNodeWorld(t, { attestationFile }), {
		code: "ATTESTATION_FILE_INVALID",
		message: /other.*none\.pem cannot be read.*cluster: must be a name.*https:\/\//s,
	});
});

test("a node gets signatures for entries below it only, and a request cannot ask for more than the entry has", async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web", dnsNames: ["web.shop"] });
	await world.createEntry({ id: "other", parentId: "/node/two", spiffeId: "/ns/shop/sa/db" });
	const client = await attest(t, world);
	const sign = (entryId: string, uris: readonly string[], dnsNames: readonly string[] = []) => {
		const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
		const names = [
			...uris.map((value) => ({ kind: "uri" as const, value })),
			...dnsNames.map((value) => ({ kind: "dns" as const, value })),
		];
		const csr = formatSigningRequest(createSigningRequest(privateKey, { names }));
		return client.request("POST", "/v1/agent/x509", { entryId, csr });
	};
	const { chain } = (await sign("web", [`${domain}/ns/shop/sa/web`])) as { chain: string };
	const names = readCertificates(chain)[0]!.extensions.names.map(({ value }) => value);
	assert.deepEqual(names.sort(), [`${domain}/ns/shop/sa/web`, "web.shop"].sort());
	await assert.rejects(sign("web", [`${domain}/ns/shop/sa/db`]), { code: "CSR_REFUSED" });
	await assert.rejects(sign("web", [`${domain}/ns/shop/sa/web`, `${domain}/amime/server`]), { code: "CSR_REFUSED" });
	await assert.rejects(sign("web", [`${domain}/ns/shop/sa/web`], ["bank.example"]), { code: "CSR_REFUSED" });
	await assert.rejects(sign("other", [`${domain}/ns/shop/sa/db`]), { code: "ENTRY_FORBIDDEN" });
	await assert.rejects(client.request("POST", "/v1/agent/jwt", { entryId: "other", audiences: ["x"] }), {
		code: "ENTRY_FORBIDDEN",
	});
	await assert.rejects(client.request("POST", "/v1/agent/jwt", { entryId: "web", audiences: [] }), {
		code: "AGENT_REQUEST_INVALID",
	});
});

test("without an agent's certificate nothing is told, and a workload's own is none", async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web" });
	const bundle = await bundleOf(world);
	const stranger = createAgentClient({ servers: serversOf(world), trustDomain: "cluster.local", bundle });
	t.after(() => stranger.close());
	await assert.rejects(stranger.request("GET", "/v1/agent/entries"), { code: "AGENT_UNAUTHENTICATED" });
	const node = await attest(t, world);
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const csr = formatSigningRequest(createSigningRequest(privateKey, {}));
	const { chain } = (await node.request("POST", "/v1/agent/x509", { entryId: "web", csr })) as { chain: string };
	const privateKeyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
	stranger.useSvid({ certificateChainPem: chain, privateKeyPem, bundlePem: bundle });
	await assert.rejects(stranger.request("GET", "/v1/agent/entries"), { code: "AGENT_UNKNOWN" });
	// The same name by an authority that nobody knows.
	const forged = createTestPki().issue(`${domain}/amime/agent/join_token/x`);
	stranger.useSvid({ ...forged, bundlePem: bundle });
	await assert.rejects(stranger.request("GET", "/v1/agent/entries"), { code: "AGENT_UNAUTHENTICATED" });
});

test("a control plane ends at once, also while somebody has connected and says nothing", async (t) => {
	const world = await startNodeWorld(t, { adminTls: "mesh" });
	const { agentPort, adminPort } = world.plane;
	const silent = [agentPort!, adminPort].map((port) => connect(port, "127.0.0.1").on("error", () => undefined));
	await Promise.all(silent.map((socket) => once(socket, "connect")));
	const ended = silent.map((socket) => once(socket, "close"));
	await world.plane.close();
	await Promise.all(ended);
});

test("an agent trusts only the control plane of its trust domain", async (t) => {
	const world = await startNodeWorld(t);
	const other = createAgentClient({
		servers: serversOf(world),
		trustDomain: "other.domain",
		bundle: await bundleOf(world),
	});
	const foreign = createAgentClient({
		servers: serversOf(world),
		trustDomain: "cluster.local",
		bundle: createTestPki().bundlePem,
	});
	t.after(() => {
		other.close();
		foreign.close();
	});
	for (const client of [other, foreign])
		await assert.rejects(client.request("GET", "/v1/agent/entries"), { code: "CONTROL_PLANE_UNREACHABLE" });
});

test("an evicted agent gives nothing out any more", async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry();
	const agent = await world.startAgent(t);
	await eventually(() => assert.equal(agent.session.state()?.entries.length, 1));
	const query = `spiffeId=${encodeURIComponent(agent.session.spiffeId()!)}`;
	assert.equal((await world.admin("DELETE", `/v1/identity/agents?${query}`)).status, 200);
	await eventually(() => assert.equal(agent.session.state()?.entries.length, 0));
	assert.equal((await world.admin("DELETE", `/v1/identity/agents?${query}`)).status, 404);
});

test("a rotation waits for an agent's workloads, and no more when the agent is banned", async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web" });
	const node = await attest(t, world);
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const csr = formatSigningRequest(createSigningRequest(privateKey, {}));
	await node.request("POST", "/v1/agent/x509", { entryId: "web", csr });
	const rotated = await world.admin("POST", "/v1/identity/authority/rotate", JSON.stringify({ what: "root" }));
	const { missing } = JSON.parse(rotated.body) as { missing: { name: string }[] };
	assert.equal(missing.length, 2, rotated.body);
	assert.ok(missing.some(({ name }) => name.endsWith("/web")));
	const [{ spiffeId }] = (await world.items("/v1/identity/agents")) as [{ spiffeId: string }];
	const query = `spiffeId=${encodeURIComponent(spiffeId)}`;
	assert.equal((await world.admin("POST", `/v1/identity/agents/ban?${query}`)).status, 200);
	await assert.rejects(node.request("POST", "/v1/agent/x509", { entryId: "web", csr }), { code: "AGENT_BANNED" });
	await assert.rejects(node.request("POST", "/v1/agent/renew", { csr }), { code: "AGENT_BANNED" });
	// Nobody else holds a certificate: the new root signs, and the old one is gone.
	const [before] = (JSON.parse(rotated.body) as { roots: { name: string }[] }).roots;
	await eventually(async () => {
		const status = (await world.admin("GET", "/v1/identity/authority")).body;
		const { roots } = JSON.parse(status) as { roots: { name: string; phase: string }[] };
		assert.deepEqual(
			roots.map(({ phase }) => phase),
			["active"],
			status,
		);
		assert.notEqual(roots[0]?.name, before?.name);
	});
});

test("whoever has an identity with the admin flag may use the admin API, as long as the entry is there", async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "operator", admin: true });
	await world.createEntry({ id: "web", spiffeId: "/web" });
	const node = await attest(t, world);
	const bundle = await bundleOf(world);
	const take = async (entryId: string): Promise<AgentClient> => {
		const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
		const csr = formatSigningRequest(createSigningRequest(privateKey, {}));
		const { chain } = (await node.request("POST", "/v1/agent/x509", { entryId, csr })) as { chain: string };
		const client = createAgentClient({ servers: serversOf(world), trustDomain: "cluster.local", bundle });
		t.after(() => client.close());
		const privateKeyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
		client.useSvid({ certificateChainPem: chain, privateKeyPem, bundlePem: bundle });
		return client;
	};
	const [operator, web] = [await take("operator"), await take("web")];
	const { items } = (await operator.request("GET", "/v1/identity/entries")) as { items: unknown[] };
	assert.ok(items.length >= 2);
	await assert.rejects(web.request("GET", "/v1/identity/entries"), { code: "PATH_UNKNOWN" });
	await assert.rejects(node.request("GET", "/v1/identity/entries"), { code: "PATH_UNKNOWN" });
	await world.deleteEntry("operator");
	await assert.rejects(operator.request("GET", "/v1/identity/entries"), { code: "PATH_UNKNOWN" });
});

test("an authority below publishes no JWT key without a name, by another's name or that libraries cannot read", async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "below", spiffeId: "/planes/below", downstream: true });
	const node = await attest(t, world);
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const csr = formatSigningRequest(createSigningRequest(privateKey, {}));
	const { chain } = (await node.request("POST", "/v1/agent/x509", { entryId: "below", csr })) as { chain: string };
	const bundle = await bundleOf(world);
	const below = createAgentClient({ servers: serversOf(world), trustDomain: "cluster.local", bundle });
	t.after(() => below.close());
	const privateKeyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
	below.useSvid({ certificateChainPem: chain, privateKeyPem, bundlePem: bundle });
	type Key = { keyId: string; publicJwk: Record<string, string> };
	const published = async (): Promise<Key[]> =>
		(JSON.parse((await world.admin("GET", "/v1/identity/bundle")).body) as { jwtKeys: Key[] }).jwtKeys;
	const [own] = (await published()) as [Key];
	const jwk = createPublicKey(privateKey).export({ format: "jwk" }) as Record<string, string>;
	const report = (keyId: string, publicJwk = jwk) => {
		const jwtKeys = [{ keyId, publicJwk, notAfter: Date.now() + 3_600_000 }];
		return below.request("POST", "/v1/downstream/report", { acknowledged: [], jwtKeys });
	};
	for (const keyId of ["", "k".repeat(1_000), own.keyId])
		await assert.rejects(report(keyId), { code: "AGENT_REQUEST_INVALID" }, keyId);
	for (let round = 0; round < 2; round++) await report("below", { ...jwk, x: `${jwk["x"]}=` });
	const expected = [own.keyId, "below"].sort();
	await eventually(async () => assert.deepEqual((await published()).map(({ keyId }) => keyId).sort(), expected));
	const { publicJwk } = (await published()).find(({ keyId }) => keyId === "below")!;
	assert.equal(publicJwk["x"], jwk["x"]);
});

const serversOf = ({ plane }: NodeWorld): string[] => [`127.0.0.1:${plane.agentPort}`];

async function bundleOf({ admin }: NodeWorld): Promise<string> {
	return (JSON.parse((await admin("GET", "/v1/identity/bundle")).body) as { bundle: string }).bundle;
}

/** A bare client with the certificate of an attested node. */
async function attest(t: TestContext, world: NodeWorld): Promise<AgentClient> {
	const bundle = await bundleOf(world);
	const client = createAgentClient({ servers: serversOf(world), trustDomain: "cluster.local", bundle });
	t.after(() => client.close());
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const csr = formatSigningRequest(createSigningRequest(privateKey, {}));
	const token = await world.createToken();
	const { chain } = (await client.request("POST", "/v1/agent/attest", { attestor: "join_token", token, csr })) as {
		chain: string;
	};
	const privateKeyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
	client.useSvid({ certificateChainPem: chain, privateKeyPem, bundlePem: bundle });
	return client;
}
