import assert from "node:assert/strict";
import { test } from "node:test";
import { createQuotaProxy, passTime, type QuotaProxy } from "../../../test/support/quota-proxy.ts";
import type { Budget } from "./lease.ts";
import { QuotaLedger } from "./ledger.ts";

const leaseMs = 12_000;
const budget = (change: Partial<Budget> = {}): Budget => ({
	...{ limit: "shop/orders/all", rate: 100, burst: 20, isDryRun: false, maxKeys: 100 },
	...change,
});
const bucket = { limit: "shop/orders/all" };

function prepare(given: Budget = budget()) {
	const budgets = new Map([[given.limit, given]]);
	const ledger = new QuotaLedger({ budgetOf: (limit) => budgets.get(limit), leaseMs, reportMs: leaseMs / 2 });
	return { budgets, ledger };
}

/** What passed in the time of `run`, a second. */
function rateOf(proxies: readonly QuotaProxy[], seconds: number, run: () => void): number[] {
	const before = proxies.map(({ passed }) => passed);
	run();
	return proxies.map(({ passed }, position) => (passed - before[position]!) / seconds);
}

const sum = (rates: readonly number[]): number => rates.reduce((total, rate) => total + rate, 0);

test("a budget is kept by three unevenly loaded proxies, and who asks for little gets it", () => {
	const { ledger } = prepare();
	const proxies = [150, 60, 10].map((perSecond, position) => createQuotaProxy(`p${position}`, bucket, perSecond, 0));
	let now = passTime([ledger], proxies, 0, 5_000, leaseMs);
	const rates = rateOf(proxies, 30, () => {
		now = passTime([ledger], proxies, now, 30_000, leaseMs);
	});
	assert.ok(sum(rates) > 90 && sum(rates) <= 102, `${rates}`);
	assert.ok(rates[2]! > 9.5, `${rates}`);
	assert.ok(Math.abs(rates[0]! - rates[1]!) < 5, `${rates}`);
});

test("never more passes than the burst and the rate, whatever the load does", () => {
	const { ledger } = prepare();
	const proxies = [0, 0, 0, 0].map((_, position) => createQuotaProxy(`p${position}`, bucket, 1, 0));
	let now = 0;
	for (const loads of [
		[400, 1, 1, 1],
		[1, 400, 1, 1],
		[200, 200, 200, 200],
		[1, 1, 1, 400],
	]) {
		for (const [position, perSecond] of loads.entries()) proxies[position]!.perSecond = perSecond;
		now = passTime([ledger], proxies, now, 10_000, leaseMs);
	}
	const passed = sum(proxies.map((proxy) => proxy.passed));
	// Beside the budget, what each lets through before its first lease.
	assert.ok(passed <= 20 + 100 * 40 * 1.05 + 4, `${passed}`);
	assert.ok(passed >= 100 * 40 * 0.7, `${passed}`);
});

test("without the authority leases hold until they end, then what each may do without one, and on its return all is as before", () => {
	const { ledger } = prepare();
	const proxies = [100, 100].map((perSecond, position) => createQuotaProxy(`p${position}`, bucket, perSecond, 0));
	let now = passTime([ledger], proxies, 0, 5_000, leaseMs);
	for (const proxy of proxies) proxy.isCut = true;
	const leased = rateOf(proxies, 5, () => {
		now = passTime([ledger], proxies, now, 5_000, leaseMs);
	});
	assert.ok(sum(leased) > 90 && sum(leased) <= 102, `${leased}`);
	now = passTime([ledger], proxies, now, 8_000, leaseMs);
	const alone = rateOf(proxies, 10, () => {
		now = passTime([ledger], proxies, now, 10_000, leaseMs);
	});
	assert.ok(sum(alone) <= 2.2 && sum(alone) > 0, `${alone}`);
	for (const proxy of proxies) proxy.isCut = false;
	now = passTime([ledger], proxies, now, 5_000, leaseMs);
	const again = rateOf(proxies, 10, () => {
		now = passTime([ledger], proxies, now, 10_000, leaseMs);
	});
	assert.ok(sum(again) > 90 && sum(again) <= 103, `${again}`);
});

test("a new authority that proxies come to does not give the burst a second time", () => {
	const day = budget({ rate: 1000 / 86_400, burst: 1000 });
	const first = prepare(day).ledger;
	const [proxy] = [createQuotaProxy("p", bucket, 50, 0)];
	let now = passTime([first], [proxy!], 0, 30_000, leaseMs);
	assert.ok(proxy!.passed >= 950 && proxy!.passed <= 1001, `${proxy!.passed}`);
	const before = proxy!.passed;
	proxy!.isCut = true;
	now = passTime([], [proxy!], now, 10_000, leaseMs);
	proxy!.isCut = false;
	now = passTime([prepare(day).ledger], [proxy!], now, 30_000, leaseMs);
	assert.ok(proxy!.passed - before < 20, `${proxy!.passed - before}`);
});

test("the share of a proxy that is gone comes back when its lease has ended, and not before", () => {
	const { ledger } = prepare();
	const proxies = [200, 200].map((perSecond, position) => createQuotaProxy(`p${position}`, bucket, perSecond, 0));
	let now = passTime([ledger], proxies, 0, 6_000, leaseMs);
	const [left, gone] = proxies as [QuotaProxy, QuotaProxy];
	gone.isCut = true;
	gone.perSecond = 0;
	ledger.disconnected(gone.id, now);
	const kept = rateOf([left], 5, () => {
		now = passTime([ledger], proxies, now, 5_000, leaseMs);
	});
	assert.ok(kept[0]! < 60, `${kept}`);
	now = passTime([ledger], proxies, now, leaseMs, leaseMs);
	const alone = rateOf([left], 10, () => {
		now = passTime([ledger], proxies, now, 10_000, leaseMs);
	});
	assert.ok(alone[0]! > 90 && alone[0]! <= 102, `${alone}`);
});

test("a request an hour goes to one of many proxies", () => {
	const { ledger } = prepare(budget({ rate: 1 / 3_600, burst: 1 }));
	const proxies = [5, 5, 5].map((perSecond, position) => createQuotaProxy(`p${position}`, bucket, perSecond, 0));
	passTime([ledger], proxies, 0, 60_000, leaseMs);
	// Each lets one through before its first lease.
	assert.ok(sum(proxies.map(({ passed }) => passed)) <= 4, `${proxies.map(({ passed }) => passed)}`);
});

test("a dry run lets everything through and counts what is too much", () => {
	const { ledger } = prepare(budget({ isDryRun: true }));
	const proxy = createQuotaProxy("p", bucket, 150, 0);
	passTime([ledger], [proxy], 0, 20_000, leaseMs);
	assert.ok(proxy.passed > 2_900, `${proxy.passed}`);
	const [status] = ledger.status(20_000);
	assert.ok(status!.excess > 700 && status!.excess < 1_100, `${status!.excess}`);
});

test("keys have budgets of their own, and a holder that has too many gives the longest unused back", () => {
	const { ledger } = prepare(budget({ maxKeys: 2 }));
	const usage = { allowed: 1, denied: 0, elapsedMs: 1 };
	for (const [position, user] of ["a", "b", "c"].entries())
		assert.equal(ledger.report("p", { ...bucket, 0: user }, usage, position), undefined);
	assert.equal(ledger.settle(3).length, 3);
	assert.deepEqual(
		ledger.tick(4).filter(({ lease }) => lease === undefined),
		[{ holder: "p", bucket: { ...bucket, 0: "a" }, lease: undefined }],
	);
});

test("what nobody asks for is forgotten, the holder told, and the budget not given twice", () => {
	const { ledger } = prepare();
	ledger.report("p", bucket, { allowed: 1, denied: 0, elapsedMs: 1 }, 0);
	ledger.settle(0);
	assert.equal(ledger.size, 1);
	const actions = ledger.tick(61_000);
	assert.deepEqual(actions, [{ holder: "p", bucket, lease: undefined }]);
	assert.equal(ledger.size, 0);
});

test("a limit that is gone is taken back, one that changed is divided anew, and an unknown one is not taken", () => {
	const { budgets, ledger } = prepare();
	const usage = { allowed: 1, denied: 0, elapsedMs: 1 };
	ledger.report("p", bucket, usage, 0);
	ledger.settle(0);
	budgets.set(bucket.limit, budget({ rate: 10, burst: 5 }));
	assert.deepEqual(ledger.limitsChanged(10), []);
	const [changed] = ledger.settle(10);
	assert.ok(changed?.lease?.kind === "bucket" && Math.abs(changed.lease.rate - 10) < 1e-6);
	budgets.clear();
	assert.deepEqual(ledger.limitsChanged(20), [{ holder: "p", bucket, lease: undefined }]);
	assert.equal(ledger.report("p", bucket, usage, 30), "unknown limit");
	assert.equal(ledger.report("p", {}, usage, 30), "unknown limit");
});

test("a name that is too long is not remembered", () => {
	const { ledger } = prepare();
	const usage = { allowed: 1, denied: 0, elapsedMs: 1 };
	assert.equal(ledger.report("p", { ...bucket, 0: "x".repeat(2_000) }, usage, 0), "bad bucket");
	assert.equal(ledger.size, 0);
});
