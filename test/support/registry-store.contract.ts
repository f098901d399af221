/** What every implementation of the registry's store must do: etcd's semantics. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { MeshError } from "../../src/core/index.ts";
import type { Operation, RangeSelector, Store, Watch, WatchEvent } from "../../src/registry/index.ts";
import { eventually } from "./eventually.ts";

/** One place where a store keeps its state; several stores may be open on it. */
export interface StoreSite {
	/** Opens a store on the site; the test closes it. */
	open(): Store;
	/** A life of leases that this site can be tested with. */
	readonly leaseMs: number;
	/** Lets time pass. */
	pass(ms: number): Promise<void>;
	/** Sets the wall clock of the machine, where a test can. */
	setWall?(epochMs: number): void;
	/** Ends what keeps the state, and starts it again after a while; every store is closed before. */
	restart(): Promise<void>;
}

/** Runs the contract on an implementation. `makeSite` makes an empty site a test. */
export function runStoreContract(
	name: string,
	makeSite: (t: TestContext) => StoreSite,
	options: { readonly skip?: string | false } = {},
): void {
	const setUp = (t: TestContext): { store: Store; site: StoreSite } => {
		const site = makeSite(t);
		const store = site.open();
		t.after(() => store.close());
		return { store, site };
	};
	const claim = (sentence: string, body: (t: TestContext) => Promise<void>): void =>
		void test(`${name}: ${sentence}`, options, body);

	claim("a put makes a key, a second one changes it", async (t) => {
		const { store } = setUp(t);
		const first = await put(store, "a", "1");
		const second = await put(store, "a", "2");
		assert.equal(second, first + 1);
		const { items, revision } = await store.range({ key: "a" });
		assert.equal(revision, second);
		assert.deepEqual(items, [
			{ key: "a", value: "2", createRevision: first, modRevision: second, version: 2, lease: 0 },
		]);
	});

	claim("a range by prefix holds exactly the keys with it, in order of bytes", async (t) => {
		const { store } = setUp(t);
		for (const key of ["a/", "a/b", "a/é", "a/😀", "a0", "a", "b", "a/\uffff"]) await put(store, key, "");
		assert.deepEqual(await keysOf(store, { prefix: "a/" }), ["a/", "a/b", "a/é", "a/\uffff", "a/😀"]);
		assert.equal((await store.range({ prefix: "" })).items.length, 8);
		assert.deepEqual(await keysOf(store, { key: "a/" }), ["a/"]);
		assert.deepEqual(await keysOf(store, { prefix: "c" }), []);
	});

	claim("all changes of a transaction have one revision", async (t) => {
		const { store } = setUp(t);
		await put(store, "old", "");
		const { revision, deleted, succeeded } = await store.txn({
			success: [
				{ kind: "put", key: "a", value: "1" },
				{ kind: "put", key: "b", value: "2" },
				{ kind: "delete", key: "old" },
				{ kind: "delete", key: "absent" },
			],
		});
		assert.deepEqual([succeeded, deleted], [true, 1]);
		const { items } = await store.range({ prefix: "" });
		assert.deepEqual(
			items.map((item) => [item.key, item.modRevision]),
			[
				["a", revision],
				["b", revision],
			],
		);
	});

	claim("a transaction without a change leaves the revision", async (t) => {
		const { store } = setUp(t);
		const before = await put(store, "a", "");
		const { revision } = await store.txn({ success: [{ kind: "delete", key: "absent" }] });
		assert.equal(revision, before);
	});

	claim("conditions compare value, version and revisions, of absent keys as 0", async (t) => {
		const { store } = setUp(t);
		const created = await put(store, "a", "m");
		const changed = await put(store, "a", "m");
		const holds = async (compare: Parameters<Store["txn"]>[0]["compare"]): Promise<boolean> =>
			(await store.txn({ compare: compare!, success: [] })).succeeded;
		const number = { key: "a" } as const;
		assert.ok(await holds([{ ...number, target: "version", is: "equal", value: 2 }]));
		assert.ok(await holds([{ ...number, target: "createRevision", is: "equal", value: created }]));
		assert.ok(await holds([{ ...number, target: "modRevision", is: "less", value: changed + 1 }]));
		assert.ok(!(await holds([{ ...number, target: "modRevision", is: "greater", value: changed }])));
		assert.ok(await holds([{ ...number, target: "version", is: "not-equal", value: 0 }]));
		assert.ok(await holds([{ ...number, target: "value", is: "equal", value: "m" }]));
		assert.ok(await holds([{ ...number, target: "value", is: "greater", value: "l" }]));
		assert.ok(await holds([{ ...number, target: "value", is: "less", value: "n" }]));
		assert.ok(await holds([{ key: "b", target: "createRevision", is: "equal", value: 0 }]));
		assert.ok(await holds([{ key: "b", target: "version", is: "equal", value: 0 }]));
		assert.ok(!(await holds([{ key: "b", target: "value", is: "not-equal", value: "m" }])));
		assert.ok(
			!(await holds([
				{ ...number, target: "version", is: "equal", value: 2 },
				{ key: "b", target: "version", is: "greater", value: 0 },
			])),
		);
	});

	claim("a transaction whose conditions fail runs the other branch alone", async (t) => {
		const { store } = setUp(t);
		const result = await store.txn({
			compare: [{ key: "lock", target: "createRevision", is: "greater", value: 0 }],
			success: [{ kind: "put", key: "yes", value: "" }],
			failure: [{ kind: "put", key: "no", value: "" }],
		});
		assert.equal(result.succeeded, false);
		assert.deepEqual(await keysOf(store, { prefix: "" }), ["no"]);
	});

	claim("a key changes at most once a transaction, and a refused one changes nothing", async (t) => {
		const { store } = setUp(t);
		const write = { kind: "put", key: "a", value: "" } as const;
		for (const other of [
			write,
			{ kind: "delete", key: "a" },
			{ kind: "delete-prefix", prefix: "" },
		] satisfies Operation[]) {
			await rejects(
				store.txn({ success: [{ kind: "put", key: "b", value: "" }, write, other] }),
				"STORE_DUPLICATE_KEY",
			);
		}
		await rejects(
			store.txn({
				success: [
					{ kind: "put", key: "b", value: "" },
					{ ...write, lease: 4711 },
				],
			}),
			"STORE_LEASE_NOT_FOUND",
		);
		assert.deepEqual(await keysOf(store, { prefix: "" }), []);
	});

	claim("a read at a revision shows the keys as they were", async (t) => {
		const { store } = setUp(t);
		const first = await put(store, "a", "1");
		await put(store, "b", "1");
		const third = await put(store, "a", "2");
		await store.txn({ success: [{ kind: "delete", key: "a" }] });
		const at = async (revision: number) =>
			(await store.range({ prefix: "" }, { revision })).items.map((item) => `${item.key}=${item.value}`);
		assert.deepEqual(await at(first), ["a=1"]);
		assert.deepEqual(await at(third), ["a=2", "b=1"]);
		assert.deepEqual(await at(third + 1), ["b=1"]);
		await rejects(store.range({ prefix: "" }, { revision: third + 2 }), "STORE_FUTURE_REVISION");
	});

	claim("a deleted key starts anew", async (t) => {
		const { store } = setUp(t);
		await put(store, "a", "1");
		await store.txn({ success: [{ kind: "delete-prefix", prefix: "a" }] });
		const revision = await put(store, "a", "2");
		const { items } = await store.range({ key: "a" });
		assert.deepEqual([items[0]?.createRevision, items[0]?.version], [revision, 1]);
	});

	claim("a watch tells every change from its revision on, each once, a revision at a time", async (t) => {
		const { store } = setUp(t);
		const first = await put(store, "w/a", "1");
		await put(store, "other", "");
		const seen = record(t, store, { prefix: "w/" }, first);
		await store.txn({
			success: [
				{ kind: "put", key: "w/b", value: "1" },
				{ kind: "put", key: "w/c", value: "1" },
			],
		});
		await store.txn({ success: [{ kind: "delete-prefix", prefix: "w/" }] });
		await seen.settle(3);
		assert.deepEqual(seen.batches, [
			[`${first} put w/a=1`],
			[`${first + 2} put w/b=1`, `${first + 2} put w/c=1`],
			[`${first + 3} delete w/a`, `${first + 3} delete w/b`, `${first + 3} delete w/c`],
		]);
	});

	claim("a watch without a revision tells what comes after it", async (t) => {
		const { store } = setUp(t);
		await put(store, "a", "1");
		const seen = record(t, store, { key: "a" });
		assert.deepEqual(seen.batches, []);
		const revision = await put(store, "a", "2");
		await put(store, "ab", "2");
		await seen.settle(1);
		assert.deepEqual(seen.batches, [[`${revision} put a=2`]]);
	});

	claim("a watch from a revision to come starts there", async (t) => {
		const { store } = setUp(t);
		const revision = await put(store, "a", "1");
		const seen = record(t, store, { prefix: "" }, revision + 2);
		await put(store, "a", "2");
		await put(store, "a", "3");
		await seen.settle(1);
		assert.deepEqual(seen.batches, [[`${revision + 2} put a=3`]]);
	});

	claim("a closed watch is silent", async (t) => {
		const { store } = setUp(t);
		const seen = record(t, store, { prefix: "" });
		await put(store, "a", "1");
		await seen.settle(1);
		seen.watch.close();
		await put(store, "a", "2");
		await seen.settle();
		assert.equal(seen.batches.length, 1);
	});

	claim("long histories are told whole and in order", async (t) => {
		const { store } = setUp(t);
		const first = (await store.range({ prefix: "" })).revision + 1;
		for (let index = 0; index < 300; index++) {
			await store.txn({
				success: ["x", "y", "z"].map((key) => ({ kind: "put", key: key + index, value: "" }) as const),
			});
		}
		const seen = record(t, store, { prefix: "" }, first);
		await seen.settle(300);
		assert.equal(seen.batches.length, 300);
		assert.ok(seen.batches.every((batch, index) => batch.length === 3 && batch[0]!.startsWith(`${first + index} `)));
	});

	claim("compaction keeps what is, and ends reads and watches of what was", async (t) => {
		const { store } = setUp(t);
		const first = await put(store, "a", "1");
		await put(store, "kept", "1");
		await put(store, "gone", "1");
		await store.txn({ success: [{ kind: "delete", key: "gone" }] });
		const last = await put(store, "a", "2");
		await store.compact(last);
		assert.deepEqual(await keysOf(store, { prefix: "" }), ["a", "kept"]);
		assert.equal((await store.range({ prefix: "" }, { revision: last })).items.length, 2);
		await rejects(store.range({ prefix: "" }, { revision: first }), "STORE_COMPACTED");
		const late = record(t, store, { prefix: "" }, first);
		await late.settle(0, 1);
		assert.deepEqual(late.batches, []);
		assert.equal(late.errors[0]?.code, "STORE_COMPACTED");
		const good = record(t, store, { prefix: "" }, last);
		await good.settle(1);
		assert.deepEqual(good.batches, [[`${last} put a=2`]]);
		await rejects(store.compact(first), "STORE_COMPACTED");
		await rejects(store.compact(last + 1), "STORE_FUTURE_REVISION");
	});

	claim("keys die with their lease, in one revision that a watch sees", async (t) => {
		const { store, site } = setUp(t);
		const lease = await store.grantLease(site.leaseMs);
		for (const key of ["a", "b"]) await store.txn({ success: [{ kind: "put", key, value: "", lease: lease.id }] });
		const before = await put(store, "c", "");
		const seen = record(t, store, { prefix: "" });
		await site.pass(site.leaseMs * 0.3);
		assert.deepEqual(await keysOf(store, { prefix: "" }), ["a", "b", "c"]);
		await site.pass(site.leaseMs * 1.5);
		await seen.settle(1);
		assert.deepEqual(seen.batches, [[`${before + 1} delete a`, `${before + 1} delete b`]]);
		await rejects(store.keepAlive(lease.id), "STORE_LEASE_NOT_FOUND");
	});

	claim("a lease that is kept alive lives on, whatever the wall clock does", async (t) => {
		const { store, site } = setUp(t);
		const lease = await store.grantLease(site.leaseMs);
		await store.txn({ success: [{ kind: "put", key: "a", value: "", lease: lease.id }] });
		site.setWall?.(Date.UTC(2040, 0, 1));
		for (let turn = 0; turn < 5; turn++) {
			await site.pass(site.leaseMs * 0.4);
			assert.deepEqual(await store.keepAlive(lease.id), lease);
		}
		assert.deepEqual(await keysOf(store, { prefix: "" }), ["a"]);
	});

	claim("revoking a lease deletes its keys, but not one that moved to another", async (t) => {
		const { store, site } = setUp(t);
		const [old, next] = [await store.grantLease(site.leaseMs), await store.grantLease(site.leaseMs)];
		await store.txn({ success: [{ kind: "put", key: "a", value: "", lease: old.id }] });
		await store.txn({ success: [{ kind: "put", key: "b", value: "", lease: old.id }] });
		await store.txn({ success: [{ kind: "put", key: "b", value: "", lease: next.id }] });
		await store.revoke(old.id);
		await store.revoke(old.id);
		assert.deepEqual(await keysOf(store, { prefix: "" }), ["b"]);
		await put(store, "b", "without a lease");
		await store.revoke(next.id);
		assert.deepEqual(await keysOf(store, { prefix: "" }), ["b"]);
	});

	claim("a restart loses nothing: keys, revisions, history, and a lease has its time again", async (t) => {
		const { store, site } = setUp(t);
		const first = await put(store, "a", "1");
		const lease = await store.grantLease(site.leaseMs);
		await store.txn({ success: [{ kind: "put", key: "l", value: "", lease: lease.id }] });
		await site.pass(site.leaseMs * 0.5);
		await store.close();
		await rejects(store.range({ prefix: "" }), "STORE_CLOSED");
		await site.restart();
		const again = site.open();
		t.after(() => again.close());
		const seen = record(t, again, { prefix: "" }, first);
		await seen.settle(2);
		assert.deepEqual(seen.batches, [[`${first} put a=1`], [`${first + 1} put l=`]]);
		await site.pass(site.leaseMs * 0.5);
		assert.deepEqual(await keysOf(again, { prefix: "" }), ["a", "l"]);
		await site.pass(site.leaseMs);
		await untilKeys(again, ["a"]);
		assert.ok((await put(again, "a", "2")) >= first + 3);
	});

	claim("two stores on one site see each other's changes and leases", async (t) => {
		const { store, site } = setUp(t);
		const other = site.open();
		t.after(() => other.close());
		const seen = record(t, other, { prefix: "" }, (await other.range({ prefix: "" })).revision + 1);
		const lease = await store.grantLease(site.leaseMs);
		const { revision } = await store.txn({ success: [{ kind: "put", key: "a", value: "1", lease: lease.id }] });
		await site.pass(site.leaseMs * 0.5);
		await seen.settle(1);
		assert.deepEqual(seen.batches, [[`${revision} put a=1`]]);
		await other.keepAlive(lease.id);
		await site.pass(site.leaseMs * 0.6);
		assert.deepEqual(await keysOf(store, { prefix: "" }), ["a"]);
		await site.pass(site.leaseMs);
		await untilKeys(store, []);
	});

	claim("of concurrent transactions on one version exactly one succeeds", async (t) => {
		const { store, site } = setUp(t);
		const other = site.open();
		t.after(() => other.close());
		const increment = async (by: Store): Promise<void> => {
			for (;;) {
				const [item] = (await by.range({ key: "n" })).items;
				const { succeeded } = await by.txn({
					compare: [{ key: "n", target: "modRevision", is: "equal", value: item?.modRevision ?? 0 }],
					success: [{ kind: "put", key: "n", value: String(Number(item?.value ?? 0) + 1) }],
				});
				if (succeeded) return;
			}
		};
		await Promise.all(Array.from({ length: 50 }, (_, index) => increment(index % 2 === 0 ? store : other)));
		const [item] = (await store.range({ key: "n" })).items;
		assert.deepEqual([item?.value, item?.version], ["50", 50]);
	});
}

async function put(store: Store, key: string, value: string): Promise<number> {
	return (await store.txn({ success: [{ kind: "put", key, value }] })).revision;
}

async function keysOf(store: Store, selector: RangeSelector): Promise<string[]> {
	return (await store.range(selector)).items.map((item) => item.key);
}

interface Recording {
	readonly batches: string[][];
	readonly errors: MeshError[];
	readonly watch: Watch;
	/** Waits for so many batches and errors, and lets everything be told that is there to tell. */
	settle(batches?: number, errors?: number): Promise<void>;
}

/** Waits until the store holds exactly these keys. */
async function untilKeys(store: Store, expected: readonly string[]): Promise<void> {
	await eventually(async () => assert.deepEqual(await keysOf(store, { prefix: "" }), expected));
}

function record(t: TestContext, store: Store, selector: RangeSelector, fromRevision?: number): Recording {
	const batches: string[][] = [];
	const errors: MeshError[] = [];
	const describe = (event: WatchEvent): string =>
		event.kind === "put"
			? `${event.item.modRevision} put ${event.item.key}=${event.item.value}`
			: `${event.modRevision} delete ${event.key}`;
	const listener = {
		onBatch: (batch: { readonly events: readonly WatchEvent[] }) => void batches.push(batch.events.map(describe)),
		onError: (error: Error) => void errors.push(error as MeshError),
	};
	const watch = store.watch(selector, listener, fromRevision === undefined ? {} : { fromRevision });
	t.after(() => watch.close());
	const settle = async (expectedBatches = 0, expectedErrors = 0): Promise<void> => {
		await eventually(() => {
			assert.ok(batches.length >= expectedBatches, `${batches.length} of ${expectedBatches} batches`);
			assert.ok(errors.length >= expectedErrors, `${errors.length} of ${expectedErrors} errors`);
		});
		for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
	};
	return { batches, errors, watch, settle };
}

async function rejects(promise: Promise<unknown>, code: string): Promise<void> {
	await assert.rejects(promise, (error) => error instanceof MeshError && error.code === code);
}
