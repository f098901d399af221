/** The answer to an attestation may be lost: the node gets on with the same join token and the same key, and nobody else does. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
	type AgentClient,
	createAgentClient,
	createNodeSession,
	type NodeEvidence,
	openSavedIdentity,
} from "../../src/agent/node-identity/index.ts";
import { MeshError, silentLog, systemClock, systemRandom } from "../../src/core/index.ts";
import { createSigningRequest, formatSigningRequest } from "../../src/identity/index.ts";
import { type NodeWorld, startNodeWorld } from "../support/node-agent.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const used = { code: "ATTESTATION_REFUSED" };

async function openClient(t: TestContext, { admin, plane }: NodeWorld): Promise<AgentClient> {
	const { bundle } = JSON.parse((await admin("GET", "/v1/identity/bundle")).body) as { bundle: string };
	const servers = [`127.0.0.1:${plane.agentPort}`];
	const client = createAgentClient({ servers, trustDomain: "cluster.local", bundle });
	t.after(() => client.close());
	return client;
}

/** A node that attests by hand. */
async function openNode(t: TestContext, world: NodeWorld, token: string) {
	const client = await openClient(t, world);
	const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
	const csr = formatSigningRequest(createSigningRequest(privateKey, {}));
	return {
		async attest() {
			const answer = await client.request("POST", "/v1/agent/attest", { attestor: "join_token", token, csr });
			return answer as { readonly spiffeId: string; readonly chain: string; readonly bundle: string };
		},
		/** Asks for its entries with the certificate of an answer. */
		show({ chain, bundle }: { readonly chain: string; readonly bundle: string }) {
			const privateKeyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
			client.useSvid({ certificateChainPem: chain, privateKeyPem, bundlePem: bundle });
			return client.request("GET", "/v1/agent/entries");
		},
	};
}

test("an agent whose answers are lost gets on with its join token, and nobody else does", async (t) => {
	const world = await startNodeWorld(t);
	const token = await world.createToken();
	const real = await openClient(t, world);
	const thief = await openNode(t, world, token);
	let lost = 0;
	const client: AgentClient = {
		...real,
		async request(method, path, ...rest) {
			const answer = await real.request(method, path, ...rest);
			if (path !== "/v1/agent/attest" || lost === 2) return answer;
			lost++;
			await assert.rejects(thief.attest(), used);
			throw new MeshError("CONTROL_PLANE_UNREACHABLE", "the connection broke");
		},
	};
	const evidence = { kind: "join_token", token } as const;
	const session = createNodeSession({
		client,
		evidence,
		clock: systemClock,
		random: systemRandom,
		log: silentLog,
	});
	t.after(() => session.close());
	await session.start();
	assert.equal(lost, 2);
	assert.deepEqual(
		(await world.items<{ spiffeId: string }>("/v1/identity/agents")).map(({ spiffeId }) => spiffeId),
		[session.spiffeId()],
	);
	await assert.rejects(thief.attest(), used);
});

test("an agent that was killed before it kept the answer gets on with its join token when it starts again", async (t) => {
	const world = await startNodeWorld(t);
	const evidence: NodeEvidence = { kind: "join_token", token: await world.createToken() };
	const state = join(makeTemporaryFolder(t), "agent");
	const open = async (client: AgentClient) => {
		const saved = openSavedIdentity(state, evidence, silentLog);
		const session = createNodeSession({
			...{ client, evidence, saved },
			...{ clock: systemClock, random: systemRandom, log: silentLog },
		});
		t.after(() => session.close());
		return session;
	};
	const real = await openClient(t, world);
	const answered = Promise.withResolvers<void>();
	const killed = await open({
		...real,
		async request(method, path, ...rest) {
			await real.request(method, path, ...rest);
			answered.resolve();
			return new Promise(() => undefined);
		},
	});
	void killed.start();
	await answered.promise;
	const [file, ...others] = readdirSync(state);
	assert.deepEqual([others, statSync(join(state, file!)).mode & 0o777], [[], 0o600]);
	chmodSync(join(state, file!), 0o644);

	const again = await open(await openClient(t, world));
	await again.start();
	assert.equal((await world.items("/v1/identity/agents")).length, 1);
	const kept = readdirSync(state);
	assert.deepEqual([kept.length, kept[0]?.endsWith(".json")], [1, true], "the key is in the identity by now");
});

test("a join token is good for the node's key until that has shown a certificate", async (t) => {
	const world = await startNodeWorld(t);
	const node = await openNode(t, world, await world.createToken());
	const first = await node.attest();
	assert.equal((await node.attest()).spiffeId, first.spiffeId);
	await node.show(await node.attest());
	await assert.rejects(node.attest(), used);
});

test("of two answers to the same node either is good, whichever arrives", async (t) => {
	const world = await startNodeWorld(t);
	for (const pick of [0, 1]) {
		const node = await openNode(t, world, await world.createToken());
		const answers = [await node.attest(), await node.attest()];
		await node.show(answers[pick]!);
		await node.show(answers[pick]!);
	}
});

for (const [what, method, path] of [
	["evicted", "DELETE", "/v1/identity/agents"],
	["banned", "POST", "/v1/identity/agents/ban"],
] as const)
	test(`a node that was ${what} before its answer came does not come back by its token`, async (t) => {
		const world = await startNodeWorld(t);
		const node = await openNode(t, world, await world.createToken());
		const { spiffeId } = await node.attest();
		const answer = await world.admin(method, `${path}?spiffeId=${encodeURIComponent(spiffeId)}`);
		assert.equal(answer.status, 200, answer.body);
		await assert.rejects(node.attest(), used);
	});
