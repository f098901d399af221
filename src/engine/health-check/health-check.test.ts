import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../core/index.ts";
import {
	type CheckResult,
	type CheckTransition,
	computeCheckInterval,
	type HealthCheckTerms,
	HostCheckState,
} from "./index.ts";

const terms: HealthCheckTerms = {
	unhealthyThreshold: 3,
	healthyThreshold: 2,
	intervalMs: 1000,
	intervalJitterMs: 0,
	intervalJitterPercent: 0,
	noTrafficIntervalMs: 60_000,
	noTrafficHealthyIntervalMs: 90_000,
	unhealthyIntervalMs: 2000,
	unhealthyEdgeIntervalMs: 300,
	healthyEdgeIntervalMs: 400,
};

const passed: CheckResult = { kind: "passed", degraded: false };
const degraded: CheckResult = { kind: "passed", degraded: true };
const network: CheckResult = { kind: "network" };
const timeout: CheckResult = { kind: "timeout" };
const refused: CheckResult = { kind: "refused" };
const retriable: CheckResult = { kind: "retriable" };

test("results move a host over the thresholds", () => {
	const table: [string, [CheckResult, CheckTransition, failed: boolean][]][] = [
		["the first success counts at once", [[passed, "changed", false]]],
		[
			"after a first failure the threshold holds",
			[
				[network, "unchanged", true],
				[passed, "pending", true],
				[passed, "changed", false],
			],
		],
		[
			"failures of the network count in a row",
			[
				[passed, "changed", false],
				[network, "pending", false],
				[timeout, "pending", false],
				[passed, "unchanged", false],
				[network, "pending", false],
				[retriable, "pending", false],
				[network, "changed", true],
				[network, "unchanged", true],
			],
		],
		[
			"a host that says no is out at once",
			[
				[passed, "changed", false],
				[refused, "changed", true],
				[passed, "pending", true],
				[refused, "unchanged", true],
				[passed, "pending", true],
				[passed, "changed", false],
			],
		],
		[
			"degraded is a change",
			[
				[degraded, "changed", false],
				[degraded, "unchanged", false],
				[passed, "changed", false],
			],
		],
	];
	for (const [name, steps] of table) {
		const state = new HostCheckState();
		for (const [index, [result, transition, failed]] of steps.entries()) {
			assert.equal(state.onResult(result, terms), transition, `${name}: step ${index}`);
			assert.equal(state.isFailed, failed, `${name}: step ${index}`);
		}
	}
});

test("a timeout is remembered until another result", () => {
	const state = new HostCheckState();
	state.onResult(timeout, terms);
	assert.equal(state.isTimedOut, true);
	state.onResult(network, terms);
	assert.equal(state.isTimedOut, false);
	state.onResult(timeout, terms);
	state.onResult(passed, terms);
	state.onResult(passed, terms);
	assert.equal(state.isTimedOut, false);
});

test("the next check comes after the interval of the host's health", () => {
	const table: [passed: boolean, CheckTransition, traffic: boolean, number][] = [
		[true, "unchanged", true, 1000],
		[true, "changed", true, 1000],
		[true, "pending", true, 400],
		[false, "unchanged", true, 2000],
		[false, "changed", true, 2000],
		[false, "pending", true, 300],
		[true, "unchanged", false, 90_000],
		[true, "pending", false, 60_000],
		[false, "changed", false, 60_000],
	];
	const random = createSeededRandom(1);
	for (const [isPassed, transition, traffic, expected] of table)
		assert.equal(
			computeCheckInterval(terms, isPassed, transition, traffic, random),
			expected,
			`${isPassed} ${transition}`,
		);
});

test("jitter lengthens the interval by up to its parts, and it is never 0", () => {
	const random = createSeededRandom(2);
	const jittered = { ...terms, intervalJitterMs: 500, intervalJitterPercent: 50 };
	const drawn = Array.from({ length: 500 }, () => computeCheckInterval(jittered, true, "unchanged", true, random));
	assert.ok(Math.min(...drawn) >= 1000 && Math.max(...drawn) < 2000);
	assert.ok(Math.max(...drawn) > 1800 && Math.min(...drawn) < 1200);
	assert.equal(computeCheckInterval({ ...terms, intervalMs: 0 }, true, "unchanged", true, random), 1);
});
