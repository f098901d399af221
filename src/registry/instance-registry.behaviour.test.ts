import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createFailingStore, type FailingStore } from "../../test/support/failing-store.ts";
import { createFakeClock, type FakeClock } from "../../test/support/fake-clock.ts";
import { makeTemporaryFolder } from "../../test/support/temporary-folder.ts";
import { createSeededRandom, MeshError } from "../core/index.ts";
import type { WorkloadInstance } from "../model/index.ts";
import { createInstanceRegistry, type InstanceRegistry } from "./instance-registry.ts";
import { openSqliteStore } from "./stores/sqlite/sqlite-store.ts";

const instance = (name: string, change: Partial<WorkloadInstance> = {}): WorkloadInstance => ({
	name,
	namespace: "shop",
	workload: "ratings",
	labels: { app: "ratings" },
	serviceAccount: "ratings",
	address: "127.0.0.1",
	pattern: "none",
	ports: [{ name: "http", protocol: "http", appPort: 8080, meshPort: 8080 }],
	upstreams: [],
	health: "ready",
	registeredAt: 0,
	...change,
});

interface Setting {
	readonly clock: FakeClock;
	readonly store: FailingStore;
	readonly registry: InstanceRegistry;
	/** Another registry on the same file, as another control plane has it. */
	openOther(): Promise<InstanceRegistry>;
}

async function setUp(t: TestContext): Promise<Setting> {
	const clock = createFakeClock();
	const file = join(makeTemporaryFolder(t), "store.db");
	const options = { clock, random: createSeededRandom(1), graceMs: 60_000 };
	const store = createFailingStore(openSqliteStore(file, { clock }));
	const registry = await createInstanceRegistry(store, options);
	t.after(async () => {
		registry.close();
		await store.close();
	});
	const openOther = async (): Promise<InstanceRegistry> => {
		const otherStore = openSqliteStore(file, { clock });
		const other = await createInstanceRegistry(otherStore, options);
		t.after(async () => {
			other.close();
			await otherStore.close();
		});
		return other;
	};
	return { clock, store, registry, openOther };
}

const states = (registry: InstanceRegistry): string[] => registry.list().map((item) => `${item.name} ${item.health}`);

test("a registered instance is listed at once, and replaced by its next registration", async (t) => {
	const { registry, openOther } = await setUp(t);
	await registry.put(instance("b"), 1000);
	await registry.put(instance("a", { health: "starting" }), 1000);
	assert.deepEqual(states(registry), ["a starting", "b ready"]);
	await registry.put(instance("a"), 1000);
	assert.deepEqual(states(registry), ["a ready", "b ready"]);
	assert.deepEqual(registry.list()[1], instance("b"));
	assert.deepEqual(states(await openOther()), ["a ready", "b ready"]);
});

test("an instance that loses its lease is unready, then forgotten after the grace time", async (t) => {
	const { registry, clock } = await setUp(t);
	await registry.put(instance("a"), 1000);
	await registry.put(instance("b"), 1_000_000);
	await clock.advanceAsync(1500);
	assert.deepEqual(states(registry), ["a unready", "b ready"]);
	await clock.advanceAsync(59_000);
	assert.deepEqual(states(registry), ["a unready", "b ready"]);
	await clock.advanceAsync(2000);
	assert.deepEqual(states(registry), ["b ready"]);
});

test("when most leases end together the list stays as it was, until they are kept again", async (t) => {
	const { registry, clock } = await setUp(t);
	for (const name of ["a", "b", "c"]) await registry.put(instance(name), 1000);
	await clock.advanceAsync(1500);
	assert.deepEqual(states(registry), ["a ready", "b ready", "c ready"]);
	await clock.advanceAsync(200_000);
	assert.deepEqual(states(registry), ["a ready", "b ready", "c ready"]);
	for (const name of ["a", "b"]) await registry.put(instance(name), 1_000_000);
	assert.deepEqual(states(registry), ["a ready", "b ready", "c unready"]);
	await clock.advanceAsync(61_000);
	assert.deepEqual(states(registry), ["a ready", "b ready"]);
});

test("keep-alives keep an instance ready, and revive one within the grace time", async (t) => {
	const { registry, clock } = await setUp(t);
	await registry.put(instance("a"), 1000);
	for (let turn = 0; turn < 5; turn++) {
		await clock.advanceAsync(700);
		await registry.keepAlive(instance("a"));
		assert.deepEqual(states(registry), ["a ready"]);
	}
	await clock.advanceAsync(30_000);
	assert.deepEqual(states(registry), ["a unready"]);
	await registry.keepAlive(instance("a"));
	assert.deepEqual(states(registry), ["a ready"]);
	await registry.put(instance("a"), 1_000_000);
	await clock.advanceAsync(61_000);
	assert.deepEqual(states(registry), ["a ready"]);
});

test("an unknown instance has to register", async (t) => {
	const { registry } = await setUp(t);
	await assert.rejects(
		registry.keepAlive(instance("a")),
		(error) => error instanceof MeshError && error.code === "INSTANCE_UNKNOWN",
	);
});

test("a removed instance is gone at once", async (t) => {
	const { registry } = await setUp(t);
	await registry.put(instance("a"), 1000);
	assert.equal(await registry.remove(instance("a")), true);
	assert.deepEqual(states(registry), []);
	assert.equal(await registry.remove(instance("a")), false);
});

test("listeners hear of every change, also of those made by another control plane", async (t) => {
	const { registry, clock, openOther } = await setUp(t);
	const other = await openOther();
	const heard: string[][] = [];
	const stop = registry.watch((instances) => heard.push(instances.map((item) => item.name)));
	await other.put(instance("a"), 10_000);
	await clock.advanceAsync(500);
	assert.deepEqual(heard.at(-1), ["a"]);
	stop();
	await registry.put(instance("b"), 10_000);
	assert.deepEqual(heard.at(-1), ["a"]);
});

test("an outage of the store keeps the last known list, and what was missed is caught up", async (t) => {
	const { registry, store, clock, openOther } = await setUp(t);
	const other = await openOther();
	await registry.put(instance("a"), 1_000_000);
	store.cut();
	await clock.advanceAsync(20_000);
	assert.deepEqual(states(registry), ["a ready"]);
	await assert.rejects(registry.put(instance("b"), 1000), /connection is cut/);
	await other.put(instance("c"), 1_000_000);
	await other.remove(instance("a"));
	assert.deepEqual(states(registry), ["a ready"]);
	store.mend();
	await clock.advanceAsync(10_000);
	assert.deepEqual(states(registry), ["c ready"]);
	await registry.put(instance("d"), 1_000_000);
	assert.deepEqual(states(registry), ["c ready", "d ready"]);
});

test("a registry that lost its place in the history reads everything again", async (t) => {
	const { registry, store, clock, openOther } = await setUp(t);
	const other = await openOther();
	await registry.put(instance("a"), 1_000_000);
	store.cut();
	for (let turn = 0; turn < 5; turn++) await other.put(instance(`b${turn}`), 1_000_000);
	store.mend();
	await store.compact((await store.range({ prefix: "" })).revision);
	await clock.advanceAsync(10_000);
	assert.equal(registry.list().length, 6);
});

test("after a restart every instance has its lease's whole time again", async (t) => {
	const { registry, clock, openOther } = await setUp(t);
	await registry.put(instance("a"), 1000);
	registry.close();
	const again = await openOther();
	assert.deepEqual(states(again), ["a ready"]);
	await clock.advanceAsync(2000);
	assert.deepEqual(states(again), ["a unready"]);
	await again.keepAlive(instance("a"));
	assert.deepEqual(states(again), ["a ready"]);
});
