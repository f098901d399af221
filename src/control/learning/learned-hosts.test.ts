import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { eventually } from "../../../test/support/eventually.ts";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { silentLog, systemRandom } from "../../core/index.ts";
import { openSqliteStore } from "../../registry/index.ts";
import { createLearnedHosts, keptMs, maxHosts } from "./learned-hosts.ts";

function prepare(t: TestContext) {
	const clock = createFakeClock();
	const store = openSqliteStore(join(makeTemporaryFolder(t), "store.db"), { clock: createFakeClock() });
	t.after(() => store.close());
	const changed: string[] = [];
	const connected = new Set<string>();
	const open = async () => {
		const learned = await createLearnedHosts({
			...{ store, clock, random: systemRandom, log: silentLog },
			isConnected: (workload) => connected.has(workload),
			onChange: (workload) => changed.push(workload),
		});
		t.after(() => learned.close());
		return learned;
	};
	return { clock, store, changed, connected, open };
}

test("what was learned is there after a restart, and on the other control planes of the store", async (t) => {
	const { open, changed } = prepare(t);
	const learned = await open();
	assert.equal(learned.of("shop/web").size, 0);
	await learned.learn("shop/web", "orders.shop.svc.cluster.local");
	await learned.learn("shop/web", "catalog.shop.svc.cluster.local");
	assert.deepEqual([...learned.of("shop/web")], ["orders.shop.svc.cluster.local", "catalog.shop.svc.cluster.local"]);
	assert.deepEqual(changed, ["shop/web", "shop/web"]);
	const set = learned.of("shop/web");
	await learned.learn("shop/web", "orders.shop.svc.cluster.local");
	assert.equal(learned.of("shop/web"), set, "nothing new, nothing changed");
	const other = await open();
	assert.equal(other.of("shop/web").size, 2);
	await other.learn("shop/web", "pay.shop.svc.cluster.local");
	await eventually(() => assert.equal(learned.of("shop/web").size, 3));
	assert.equal(learned.of("shop/other").size, 0);
});

test("control planes that learn for one workload at the same time lose nothing", async (t) => {
	const { open } = prepare(t);
	const [one, other] = [await open(), await open()];
	await Promise.all([one.learn("a/b", "x"), other.learn("a/b", "y"), one.learn("a/b", "z")]);
	await eventually(() => assert.deepEqual([...other.of("a/b")].sort(), ["x", "y", "z"]));
});

test("a workload has a bound, and the host that was learned first goes", async (t) => {
	const { open } = prepare(t);
	const learned = await open();
	for (let number = 0; number <= maxHosts; number++) await learned.learn("a/b", `h${number}`);
	assert.equal(learned.of("a/b").size, maxHosts);
	assert.ok(!learned.of("a/b").has("h0"));
	assert.ok(learned.of("a/b").has(`h${maxHosts}`));
});

test("a workload without proxies is forgotten after a week, one with a proxy never", async (t) => {
	const { clock, connected, open } = prepare(t);
	const learned = await open();
	await learned.learn("a/gone", "h");
	await learned.learn("a/here", "h");
	connected.add("a/here");
	const hour = 3_600_000;
	for (let passed = 0; passed <= keptMs + 2 * hour; passed += hour) {
		clock.advance(hour);
		// The look at the store is over before the next one is due.
		await new Promise((resolve) => setImmediate(resolve));
		await learned.learn("a/here", "h");
	}
	await eventually(() => assert.equal(learned.of("a/gone").size, 0));
	assert.equal(learned.of("a/here").size, 1);
});
