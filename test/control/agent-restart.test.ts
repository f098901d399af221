/** An agent that starts again is who it was, without another token; a copy of its state is nobody. */
import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createAgentClient, type NodeEvidence, openSavedIdentity } from "../../src/agent/node-identity/index.ts";
import { silentLog } from "../../src/core/index.ts";
import { eventually } from "../support/eventually.ts";
import { type NodeWorld, startNodeWorld } from "../support/node-agent.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

async function start(t: TestContext, world: NodeWorld, evidence: NodeEvidence | undefined, state: string) {
	const saved = openSavedIdentity(state, evidence, silentLog);
	const agent = await world.createAgent(t, evidence, { saved });
	await agent.start();
	return agent;
}

test("an agent that attested by join token starts again with the same line, or with none, and keeps no workload's key", async (t) => {
	const world = await startNodeWorld(t);
	await world.createEntry({ id: "web" });
	const state = join(makeTemporaryFolder(t), "agent");
	const evidence: NodeEvidence = { kind: "join_token", token: await world.createToken() };
	const first = await start(t, world, evidence, state);
	const id = first.session.spiffeId();
	await first.close();
	const [file, ...others] = readdirSync(state);
	assert.equal(others.length, 0);
	assert.deepEqual([statSync(state).mode & 0o777, statSync(join(state, file!)).mode & 0o777], [0o700, 0o600]);
	for (const again of [evidence, undefined]) {
		const agent = await start(t, world, again, state);
		assert.equal(agent.session.spiffeId(), id);
		await eventually(() => assert.equal(agent.session.state()?.entries.length, 1));
		await agent.close();
	}
	assert.equal((await world.items("/v1/identity/agents")).length, 1);
	assert.doesNotMatch(readFileSync(join(state, file!), "utf8"), /sa\/web/);
	const other = await world.createAgent(t, evidence, {
		saved: openSavedIdentity(makeTemporaryFolder(t), evidence, silentLog),
	});
	await assert.rejects(other.start(), { code: "ATTESTATION_REFUSED" }, "the token alone is used up");
	assert.throws(() => openSavedIdentity(makeTemporaryFolder(t), undefined, silentLog), { code: "AGENT_STATE" });
});

test("an evicted agent does not come back by what it saved, a damaged file is no identity", async (t) => {
	const world = await startNodeWorld(t);
	const state = join(makeTemporaryFolder(t), "agent");
	const evidence: NodeEvidence = { kind: "join_token", token: await world.createToken() };
	const first = await start(t, world, evidence, state);
	const query = `spiffeId=${encodeURIComponent(first.session.spiffeId()!)}`;
	await first.close();
	const [file] = readdirSync(state).map((name) => join(state, name));
	const good = readFileSync(file!, "utf8");
	writeFileSync(file!, good.slice(0, 100));
	await assert.rejects(start(t, world, evidence, state), { code: "ATTESTATION_REFUSED" });
	writeFileSync(file!, good);
	assert.equal((await world.admin("DELETE", `/v1/identity/agents?${query}`)).status, 200);
	await assert.rejects(start(t, world, evidence, state), { code: "ATTESTATION_REFUSED" });
	assert.deepEqual(readdirSync(state), [], "what is refused is forgotten");
});

test("a copy of an agent's state is refused once the agent has shown a newer certificate", async (t) => {
	const world = await startNodeWorld(t);
	const state = join(makeTemporaryFolder(t), "agent");
	const evidence: NodeEvidence = { kind: "join_token", token: await world.createToken() };
	const agent = await start(t, world, evidence, state);
	const id = agent.session.spiffeId()!;
	await eventually(() => assert.ok(readdirSync(state).length === 1));
	const copy = join(makeTemporaryFolder(t), "copy");
	cpSync(state, copy, { recursive: true });
	const thief = openSavedIdentity(copy, evidence, silentLog).load(Date.now())!;
	const bundle = (JSON.parse((await world.admin("GET", "/v1/identity/bundle")).body) as { bundle: string }).bundle;
	const client = createAgentClient({
		servers: [`127.0.0.1:${world.plane.agentPort}`],
		trustDomain: "cluster.local",
		bundle,
	});
	t.after(() => client.close());
	client.useSvid(thief);
	// Two renewals later neither the certificate nor the one before it is the copy.
	for (let round = 0; round < 2; round++) {
		const restarted = await start(t, world, evidence, state);
		await restarted.close();
	}
	await agent.close();
	const listed = async () =>
		(await world.items<{ spiffeId: string; serial: string }>("/v1/identity/agents")).find(
			({ spiffeId }) => spiffeId === id,
		);
	await eventually(async () => assert.ok(await listed()));
	await eventually(async () => {
		const again = await start(t, world, evidence, state);
		await again.close();
		await assert.rejects(client.request("GET", "/v1/agent/entries"), { code: "AGENT_REPLAYED" });
	});
});
