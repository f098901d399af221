import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { startCutNetwork } from "../../../../test/support/cut-network.ts";
import { type RunningEtcd, startEtcd, untilEtcdAnswers } from "../../../../test/support/etcd.ts";
import { eventually } from "../../../../test/support/eventually.ts";
import { findEtcd, skipWithout } from "../../../../test/support/peers.ts";
import { MeshError, silentLog, systemClock, systemRandom } from "../../../core/index.ts";
import { type Mirror, openMirror } from "../../mirror.ts";
import type { Store } from "../../store.ts";
import { openEtcdStore } from "./etcd-store.ts";

const options = { skip: skipWithout("etcd", findEtcd()) };

async function start(t: TestContext): Promise<RunningEtcd> {
	const etcd = await startEtcd(t);
	await untilEtcdAnswers(etcd.address);
	return etcd;
}

function open(t: TestContext, ...members: string[]): Store {
	const store = openEtcdStore(`etcd://${members.join(",")}`);
	t.after(() => store.close());
	return store;
}

async function follow(t: TestContext, store: Store): Promise<Mirror> {
	const mirror = await openMirror({
		store,
		prefix: "",
		clock: systemClock,
		random: systemRandom,
		log: silentLog,
		onChange: () => undefined,
	});
	t.after(() => mirror.close());
	return mirror;
}

const put = (store: Store, value: string) => store.txn({ success: [{ kind: "put", key: "key", value }] });
const shows = (mirror: Mirror, value: string) =>
	eventually(() => assert.equal(mirror.items.get("key")?.value, value), { deadlineMs: 40_000 });
const isUnavailable = (error: unknown) => error instanceof MeshError && error.code === "STORE_UNAVAILABLE";

test("a copy outlives a killed etcd, and follows it when it is back", options, async (t) => {
	const etcd = await start(t);
	const store = open(t, etcd.address);
	await put(store, "1");
	const mirror = await follow(t, store);
	await etcd.kill();
	await assert.rejects(put(store, "lost"), isUnavailable);
	assert.equal(mirror.items.get("key")?.value, "1");
	await etcd.restart();
	await eventually(() => put(store, "2"), { deadlineMs: 20_000 });
	await shows(mirror, "2");
});

test("a paused etcd ends calls, and serves them when it goes on", options, async (t) => {
	const etcd = await start(t);
	const store = open(t, etcd.address);
	await put(store, "1");
	const mirror = await follow(t, store);
	await etcd.pause();
	await assert.rejects(store.range({ key: "key" }), isUnavailable);
	etcd.resume();
	await eventually(() => put(store, "2"), { deadlineMs: 20_000 });
	await shows(mirror, "2");
});

test("a network that was cut is noticed by calls and watches, and both come back", options, async (t) => {
	const etcd = await start(t);
	const network = await startCutNetwork(t, etcd.address);
	const [far, near] = [open(t, network.address), open(t, etcd.address)];
	await put(near, "1");
	const mirror = await follow(t, far);
	network.cut();
	await assert.rejects(put(far, "lost"), isUnavailable);
	await put(near, "2");
	assert.equal(mirror.items.get("key")?.value, "1");
	network.mend();
	await shows(mirror, "2");
	await put(far, "3");
	await shows(mirror, "3");
});

test("a member that is away is passed over", options, async (t) => {
	const etcd = await start(t);
	const store = open(t, "127.0.0.1:1", etcd.address);
	await put(store, "1");
	const lease = await store.grantLease(5000);
	assert.deepEqual(await store.keepAlive(lease.id), lease);
	assert.equal((await store.range({ key: "key" })).items[0]?.value, "1");
	await shows(await follow(t, open(t, "127.0.0.1:1", etcd.address)), "1");
});

test("an etcd that is not there is named in one sentence", options, async (t) => {
	const store = open(t, "127.0.0.1:1");
	await assert.rejects(store.range({ prefix: "" }), (error) => {
		assert.ok(isUnavailable(error));
		assert.match((error as Error).message, /etcd 127\.0\.0\.1:1 /);
		return true;
	});
});
