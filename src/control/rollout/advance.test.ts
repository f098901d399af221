/** How a rollout is decided, from figures and times alone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../core/index.ts";
import { abort, advance, complete, onRefused, promote } from "./advance.ts";
import { type MemberReport, phaseOf, type Rollout, type RolloutOptions } from "./rollout.ts";
import type { NodeSample } from "./sample.ts";

const options: RolloutOptions = {
	steps: [10],
	watchMs: 60_000,
	maxErrorRate: 0.01,
	maxLatencyIncrease: 0.5,
	minRequests: 20,
	maxWaitMs: 300_000,
	withoutTraffic: "hold",
	countsClientErrors: true,
};

const begun: Rollout = {
	id: "r-1",
	author: "ann",
	createdAt: 0,
	since: 0,
	baseRevision: 7,
	objects: [{ kind: "HTTPRoute", namespace: "shop", name: "a", result: "configured", document: { a: 1 } }],
	options,
	state: "choosing",
	touched: 0,
	order: [],
	served: 0,
	step: 0,
	bases: {},
	marks: {},
};

const nodes = Array.from({ length: 10 }, (_, at) => ({ id: `node-${at}`, workload: "shop/web" }));
const outbound = (requests: number, serverErrors = 0, latency: Record<string, number> = {}): NodeSample => ({
	outbound: { requests, clientErrors: 0, serverErrors, latency },
});

function reportOf(rollout: Rollout, at: number, samples: Record<string, NodeSample> = {}): MemberReport {
	const seen = Object.fromEntries(nodes.map(({ id }) => [id, at]));
	return { member: "m", rolloutId: "r-1", phase: phaseOf(rollout), at, upSince: 0, touched: nodes, seen, samples };
}

const facts = (...reports: MemberReport[]) => ({ reports, gatherMs: 0 });
const eachOf = (sample: (at: number) => NodeSample): Record<string, NodeSample> =>
	Object.fromEntries(nodes.map(({ id }, at) => [id, sample(at)]));

/** A rollout whose canaries have the change since 10 s. */
function observing(change: Partial<RolloutOptions> = {}, base = outbound(1_000, 1)): Rollout {
	const chosen = advance({ ...begun, options: { ...options, ...change } }, facts(reportOf(begun, 1)), 1)!;
	assert.equal(chosen.state, "measuring");
	const observed = advance(
		chosen,
		facts(
			reportOf(
				chosen,
				10_000,
				eachOf(() => base),
			),
		),
		10_000,
	)!;
	assert.equal(observed.state, "observing");
	return observed;
}

/** Figures after a while: canaries made so many requests with so many errors more, the others too. */
function after(rollout: Rollout, canary: [number, number], other: [number, number], at: number): MemberReport {
	const canaries = new Set(rollout.order.slice(0, rollout.served).map(({ id }) => id));
	return reportOf(
		rollout,
		at,
		Object.fromEntries(
			nodes.map(({ id }) => {
				const [requests, errors] = canaries.has(id) ? canary : other;
				return [id, outbound(1_000 + requests, 1 + errors)];
			}),
		),
	);
}

test("a change that does no worse is completed after its time, and not before", () => {
	const rollout = observing();
	assert.equal(rollout.served, 1);
	assert.equal(advance(rollout, facts(after(rollout, [100, 0], [100, 0], 69_000)), 69_000), undefined);
	const done = advance(rollout, facts(after(rollout, [100, 0], [100, 0], 70_000)), 70_000)!;
	assert.equal(done.state, "completing");
	assert.match(done.reason!, /1 of 10 proxies: outbound requests: 0% of 100 requests failed, of the others 0% of 900/);
	const completed = complete(done, 71_000)!;
	assert.equal(completed.state, "completed");
	assert.equal(completed.objects[0]!.document, undefined, "what a Secret held is not kept");
});

test("a change that makes requests fail is taken back as soon as that is sure, with its figures", () => {
	const rollout = observing();
	assert.equal(advance(rollout, facts(after(rollout, [10, 10], [10, 0], 12_000)), 12_000), undefined, "too few");
	const back = advance(rollout, facts(after(rollout, [40, 20], [40, 0], 14_000)), 14_000)!;
	assert.equal(back.state, "taken-back");
	assert.match(
		back.reason!,
		/outbound requests: 50% of 40 requests failed, of the others 0% of 360 requests, before 0\.1% of 1000/,
	);
});

test("when everything fails it is not the change", () => {
	const rollout = observing();
	assert.equal(advance(rollout, facts(after(rollout, [100, 50], [100, 50], 20_000)), 20_000), undefined);
});

test("a workload that always failed is not the change either", () => {
	const rollout = observing({}, outbound(1_000, 500));
	const report = reportOf(
		rollout,
		20_000,
		eachOf(() => outbound(1_100, 550)),
	);
	for (const { id } of rollout.order.slice(1))
		(report.samples as Record<string, NodeSample>)[id] = outbound(1_100, 500);
	assert.equal(advance(rollout, facts(report), 20_000), undefined);
});

test("a new kind of requests that fail is measured by the limit alone", () => {
	const rollout = observing();
	const report = after(rollout, [30, 0], [30, 0], 20_000);
	const [canary] = rollout.order;
	(report.samples as Record<string, NodeSample>)[canary!.id] = {
		...outbound(1_030, 1),
		"to broken.shop.svc.cluster.local": { requests: 25, clientErrors: 0, serverErrors: 25, latency: {} },
	};
	const back = advance(rollout, facts(report), 20_000)!;
	assert.match(
		back.reason!,
		/requests to broken\.shop\.svc\.cluster\.local: 100% of 25 requests failed, and there is nothing/,
	);
});

test("answers 4xx count unless they are meant", () => {
	const denied = (rollout: Rollout): MemberReport => {
		const report = after(rollout, [40, 0], [40, 0], 20_000);
		const sample: NodeSample = { outbound: { requests: 1_040, clientErrors: 40, serverErrors: 1, latency: {} } };
		(report.samples as Record<string, NodeSample>)[rollout.order[0]!.id] = sample;
		return report;
	};
	const strict = observing();
	assert.equal(advance(strict, facts(denied(strict)), 20_000)?.state, "taken-back");
	const lenient = observing({ countsClientErrors: false });
	assert.equal(advance(lenient, facts(denied(lenient)), 20_000), undefined);
});

test("what gets slower is taken back, what nobody notices is not", () => {
	const quick = { "5": 900, "10": 100 };
	const slow = (share: number) => ({ "5": Math.round(100 * (1 - share)), "250": Math.round(100 * share) });
	const withLatency = (latency: Record<string, number>): MemberReport => {
		const rollout = observing({}, outbound(1_000, 0, quick));
		const samples = eachOf(() => outbound(1_100, 0, { "5": 990, "10": 110 }));
		const added = { ...quick };
		for (const [bound, count] of Object.entries(latency))
			(added as Record<string, number>)[bound] = ((added as Record<string, number>)[bound] ?? 0) + count;
		samples[rollout.order[0]!.id] = outbound(1_100, 0, added);
		return reportOf(rollout, 20_000, samples);
	};
	const rollout = observing({}, outbound(1_000, 0, quick));
	const back = advance(rollout, facts(withLatency(slow(0.5))), 20_000);
	assert.match(back?.reason ?? "", /nine of ten took up to 201 ms, of the others 10 ms|nine of ten took up to \d+ ms/);
	assert.equal(advance(rollout, facts(withLatency(slow(0.05))), 20_000), undefined);
	assert.equal(advance(rollout, facts(withLatency({ "10": 100 })), 20_000), undefined, "5 ms more");
});

test("without traffic it waits, and then holds, completes or goes back as it was told", () => {
	const outcome = (withoutTraffic: RolloutOptions["withoutTraffic"]): Rollout => {
		const rollout = observing({ withoutTraffic });
		assert.equal(advance(rollout, facts(after(rollout, [3, 0], [500, 0], 100_000)), 100_000), undefined);
		return advance(rollout, facts(after(rollout, [3, 0], [500, 0], 370_000)), 370_000)!;
	};
	const held = outcome("hold");
	assert.equal(held.state, "held");
	assert.match(held.reason!, /only 3 requests went through .*, 20 are needed/);
	assert.equal(outcome("complete").state, "completing");
	assert.equal(outcome("take-back").state, "taken-back");
	assert.equal(promote(held, "bob", 380_000)?.state, "completing");
	assert.equal(abort(held, "aborted by bob", 380_000)?.state, "aborted");
	const bad = advance(held, facts(after(held, [50, 50], [500, 0], 380_000)), 380_000);
	assert.equal(bad?.state, "taken-back", "one that is held is still watched");
});

test("steps grow, an earlier canary stays one, and the last may be all", () => {
	let rollout = observing({ steps: [10, 50, 100] });
	const canaries: string[][] = [];
	for (let now = 10_000; rollout.state !== "completing" && now < 1_000_000; now += 5_000) {
		if (rollout.state === "observing")
			canaries[rollout.step] = rollout.order.slice(0, rollout.served).map(({ id }) => id);
		const report =
			rollout.state === "measuring"
				? reportOf(
						rollout,
						now,
						eachOf(() => outbound(1_000, 1)),
					)
				: after(rollout, [100, 0], [100, 0], now);
		rollout = advance(rollout, facts(report), now) ?? rollout;
	}
	assert.deepEqual(
		canaries.map((ids) => ids.length),
		[1, 5, 10],
	);
	assert.deepEqual(canaries[1]!.slice(0, 1), canaries[0]);
});

test("a refusal of a canary takes it back at once, one of another proxy does not", () => {
	const rollout = observing();
	const [canary, other] = rollout.order;
	assert.equal(onRefused(rollout, other!.id, "no", 11_000), undefined);
	const back = onRefused(rollout, canary!.id, "no such filter", 11_000)!;
	assert.equal(back.state, "taken-back");
	assert.match(back.reason!, /refused it: no such filter/);
	assert.equal(onRefused(back, canary!.id, "again", 12_000), undefined);
});

test("canaries that go away are taken for broken, unless all proxies do", () => {
	const rollout = observing();
	const [canary] = rollout.order;
	const report = after(rollout, [0, 0], [0, 0], 40_000);
	const lost = { ...report, seen: { ...report.seen, [canary!.id]: 11_000 } };
	assert.match(advance(rollout, facts(lost), 40_000)?.reason ?? "", /connected any more/);
	assert.equal(
		advance(rollout, facts({ ...lost, upSince: 35_000 }), 40_000),
		undefined,
		"its control plane began later",
	);
	assert.equal(advance(rollout, facts({ ...lost, seen: {} }), 40_000), undefined, "all are gone");
});

test("a change that touches nobody is applied at once", () => {
	const done = advance(begun, facts({ ...reportOf(begun, 1), touched: [] }), 1)!;
	assert.equal(done.state, "completing");
	assert.match(done.reason!, /changes nothing for any connected proxy/);
});

test("control planes of one store are waited for, and each tells of its own proxies", () => {
	const half = (from: number, member: string): MemberReport => ({
		...reportOf(begun, 1),
		member,
		touched: nodes.slice(from, from + 5),
	});
	const gathering = { reports: [half(0, "a"), half(5, "b")], gatherMs: 3_000 };
	assert.equal(advance(begun, gathering, 2_999), undefined);
	assert.equal(advance(begun, gathering, 3_000)?.touched, 10);
});

test("chance alone takes hardly any good change back", () => {
	const random = createSeededRandom(1);
	let takenBack = 0;
	for (let round = 0; round < 200; round++) {
		const rollout = observing();
		const sums = nodes.map(() => [0, 0] as [number, number]);
		for (let now = 11_000; now < 70_000; now += 1_000) {
			for (const sum of sums)
				for (let request = 0; request < 5; request++) {
					sum[0]++;
					if (random.next() < 0.03) sum[1]++;
				}
			const samples = Object.fromEntries(
				nodes.map(({ id }, at) => [id, outbound(1_000 + sums[at]![0], 1 + sums[at]![1])]),
			);
			if (advance(rollout, facts(reportOf(rollout, now, samples)), now)?.state !== "taken-back") continue;
			takenBack++;
			break;
		}
	}
	assert.ok(takenBack <= 4, `${takenBack} of 200`);
});
