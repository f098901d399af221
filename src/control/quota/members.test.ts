import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { eventually } from "../../../test/support/eventually.ts";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { createQuotaProxy, passTime } from "../../../test/support/quota-proxy.ts";
import { makeTemporaryFolder } from "../../../test/support/temporary-folder.ts";
import { silentLog, systemRandom } from "../../core/index.ts";
import { openSqliteStore } from "../../registry/index.ts";
import { formatBucketKey, QuotaLedger } from "./ledger.ts";
import { joinQuotaMembers } from "./members.ts";

const bucket = { limit: "shop/orders/all" };
const key = formatBucketKey(bucket);
const leaseMs = 12_000;

test("three control planes of one store divide a budget by what each is asked for; one that leaves gives its part to the others", async (t) => {
	const storeClock = createFakeClock();
	const clock = createFakeClock();
	const store = openSqliteStore(join(makeTemporaryFolder(t), "store.db"), { clock: storeClock });
	t.after(() => store.close());
	const join3 = ["a", "b", "c"].map((id) =>
		joinQuotaMembers({ store, id, clock, random: systemRandom, log: silentLog }),
	);
	const members = await Promise.all(join3);
	await eventually(() =>
		assert.deepEqual(
			members.map(({ count }) => count),
			[3, 3, 3],
		),
	);
	const shares = (): number[] => members.map((member) => Math.round(member.shareOf(key, 90) * 1000) / 1000);
	assert.deepEqual(shares(), [0.333, 0.333, 0.333], "before anybody is asked");

	const budget = { limit: bucket.limit, rate: 90, burst: 30, isDryRun: false, maxKeys: 10 };
	const ledgers = members.map(() => new QuotaLedger({ budgetOf: () => budget, leaseMs, reportMs: leaseMs / 2 }));
	const proxies = [200, 50, 5].map((perSecond, position) => ({
		...createQuotaProxy(`p${position}`, bucket, perSecond, 0),
		ledger: ledgers[position]!,
	}));
	let now = 0;
	const run = async (seconds: number): Promise<void> => {
		for (let second = 0; second < seconds; second++) {
			now = passTime(ledgers, proxies, now, 1_000, leaseMs, () => {
				for (const [position, ledger] of ledgers.entries())
					ledger.setShares((name, rate) => members[position]!.shareOf(name, rate));
			});
			for (const [position, ledger] of ledgers.entries()) members[position]!.publish(ledger.demands(10));
			clock.advance(1_000);
			await new Promise((resolve) => setTimeout(resolve, 5));
		}
	};
	await run(20);
	const parts = shares();
	// Two ask for more than there is and are short alike; the third has what it asks for.
	assert.ok(Math.abs(parts[0]! - parts[1]!) < 0.02 && parts[1]! > 0.4 && parts[2]! >= 0.066, `${parts}`);
	assert.ok(Math.abs(parts.reduce((sum, part) => sum + part, 0) - 1) < 0.01, `${parts}`);
	const before = proxies.map(({ passed }) => passed);
	await run(20);
	const passed = proxies.reduce((sum, proxy, position) => sum + proxy.passed - before[position]!, 0);
	assert.ok(passed > 20 * 90 * 0.85 && passed < 20 * 90 * 1.05 + 30, `${passed}`);
	assert.ok(proxies[2]!.passed - before[2]! > 20 * 4.5, "who asks for little gets it");

	await members[0]!.close();
	await eventually(() => assert.equal(members[1]!.count, 2));
	assert.ok(members[1]!.shareOf(key, 90) + members[2]!.shareOf(key, 90) > 0.99);
	assert.ok(members[1]!.shareOf(key, 90) > 0.6);
});

test("what is short is divided by proxies, not by the control planes that they happen to be connected to", async (t) => {
	const store = openSqliteStore(join(makeTemporaryFolder(t), "store.db"), { clock: createFakeClock() });
	t.after(() => store.close());
	const clock = createFakeClock();
	const member = await joinQuotaMembers({ store, id: "a", clock, random: systemRandom, log: silentLog });
	t.after(() => member.close());
	const tell = (id: string, demand: number, ...holders: number[]) =>
		store.txn({
			success: [{ kind: "put", key: `/amime/quota/members/${id}`, value: JSON.stringify([[key, demand, ...holders]]) }],
		});
	const share = (): number => Math.round(member.shareOf(key, 100) * 100) / 100;
	await tell("a", 300, 3);
	await tell("b", 100, 1);
	await eventually(() => assert.equal(share(), 0.7));
	await tell("b", 8, 1);
	await eventually(() => assert.equal(share(), 0.9));
	await tell("b", 1_000);
	await eventually(() => assert.equal(share(), 0.7));
});

test("one alone gives out everything, and what others write is not believed when it is nonsense", async (t) => {
	const clock = createFakeClock();
	const store = openSqliteStore(join(makeTemporaryFolder(t), "store.db"), { clock });
	t.after(() => store.close());
	const member = await joinQuotaMembers({ store, id: "a", clock, random: systemRandom, log: silentLog });
	t.after(() => member.close());
	assert.equal(member.shareOf(key, 10), 1);
	for (const value of ["{", "7", '[["x",-5],["x"],7]']) {
		await store.txn({ success: [{ kind: "put", key: "/amime/quota/members/odd", value }] });
		await eventually(() => assert.equal(member.count, 2));
		const share = member.shareOf(key, 10);
		assert.ok(share > 0 && share <= 1, `${share}`);
	}
});
