/** Join tokens and challenges are good once, for all control planes of a store together, and over restarts. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createIdentityRegistry, openEtcdStore, openSqliteStore, type Store } from "../../src/registry/index.ts";
import { startEtcd, untilEtcdAnswers } from "../support/etcd.ts";
import { findEtcd, skipWithout } from "../support/peers.ts";
import { makeTemporaryFolder } from "../support/temporary-folder.ts";

const skip = skipWithout("etcd", findEtcd());
const purpose = "join-token";

/** What a control plane has of a store, until it is closed. */
async function openPlane(t: TestContext, store: Store) {
	const identity = await createIdentityRegistry(store);
	const close = async (): Promise<void> => {
		identity.close();
		await store.close();
	};
	t.after(close);
	return { ...identity, close };
}

test("a join token that was made before a control plane's restart is good after it, once", async (t) => {
	const path = join(makeTemporaryFolder(t), "store.db");
	const before = await openPlane(t, openSqliteStore(path));
	const [token, used] = [
		await before.secrets.issue(purpose, { agentPath: "one" }, 60_000),
		await before.secrets.issue(purpose, { agentPath: "two" }, 60_000),
	];
	const challenge = await before.challenges.issue("node", 60_000);
	const answered = await before.challenges.issue("node", 60_000);
	assert.notEqual(await before.secrets.redeem(purpose, used), undefined);
	assert.ok(await before.challenges.use(answered));
	await before.close();
	const after = await openPlane(t, openSqliteStore(path));
	assert.equal(await after.secrets.look(purpose, used), undefined);
	assert.equal(await after.secrets.redeem(purpose, used), undefined);
	assert.equal(await after.challenges.isGood(answered, "node"), false);
	assert.ok(await after.challenges.isGood(challenge, "node"));
	assert.deepEqual(await after.secrets.look(purpose, token), { agentPath: "one" });
	assert.deepEqual(await after.secrets.redeem(purpose, token), { agentPath: "one" });
	assert.equal(await after.secrets.redeem(purpose, token), undefined);
});

test("of two control planes of one etcd that are shown a token or an answer at the same time, one takes it", {
	skip,
}, async (t) => {
	const etcd = await startEtcd(t);
	await untilEtcdAnswers(etcd.address);
	const open = () => openPlane(t, openEtcdStore(`etcd://${etcd.address}`));
	const planes = [await open(), await open()] as const;
	for (let round = 0; round < 20; round++) {
		const token = await planes[round % 2]!.secrets.issue(purpose, { agentPath: "one" }, 60_000);
		const shown = planes.flatMap(({ secrets }) => [secrets.redeem(purpose, token), secrets.redeem(purpose, token)]);
		const taken = (await Promise.all(shown)).filter((value) => value !== undefined);
		assert.deepEqual(taken, [{ agentPath: "one" }]);
		const challenge = await planes[round % 2]!.challenges.issue("node", 60_000);
		for (const { challenges } of planes) assert.ok(await challenges.isGood(challenge, "node"));
		const used = await Promise.all(planes.map(({ challenges }) => challenges.use(challenge)));
		assert.equal(used.filter(Boolean).length, 1);
		for (const { challenges } of planes) assert.equal(await challenges.isGood(challenge, "node"), false);
	}
});
