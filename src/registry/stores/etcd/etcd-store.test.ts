import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, type TestContext, test } from "node:test";
import { type RunningEtcd, startEtcd, untilEtcdAnswers } from "../../../../test/support/etcd.ts";
import { findEtcd, skipWithout } from "../../../../test/support/peers.ts";
import { runStoreContract } from "../../../../test/support/registry-store.contract.ts";
import { openEtcdStore } from "./etcd-store.ts";

const skip = skipWithout("etcd", findEtcd());
const cleanups: (() => unknown)[] = [];
let etcd: RunningEtcd;

before(async () => {
	if (skip !== false) return;
	etcd = await startEtcd({ after: (cleanup) => void cleanups.push(cleanup as () => unknown) });
	await untilEtcdAnswers(etcd.address);
});
after(async () => {
	for (const cleanup of cleanups.reverse()) await cleanup();
});

runStoreContract(
	"etcd",
	(_t: TestContext) => {
		const address = `etcd://${etcd.address}/${randomUUID()}/`;
		return {
			open: () => openEtcdStore(address),
			leaseMs: 3000,
			pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
			async restart() {
				await etcd.restart();
				await untilEtcdAnswers(etcd.address);
			},
		};
	},
	{ skip },
);

test("keys outside the prefix of the address are not seen", { skip }, async () => {
	const [mine, other, all] = ["/mine/", "/other/", ""].map((path) => openEtcdStore(`etcd://${etcd.address}${path}`));
	for (const store of [mine!, other!]) await store.txn({ success: [{ kind: "put", key: "key", value: "" }] });
	const keys = (await all!.range({ prefix: "/" })).items.map((item) => item.key);
	assert.deepEqual(
		(await mine!.range({ prefix: "" })).items.map((item) => item.key),
		["key"],
	);
	assert.ok(keys.includes("/mine/key") && keys.includes("/other/key"));
	for (const store of [mine!, other!, all!]) await store.close();
});
