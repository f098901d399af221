import assert from "node:assert/strict";
import { test } from "node:test";
import { createLeaseDeadlines } from "./lease-deadlines.ts";

const maxGapMs = 1000;
const lease = { id: 1, ttlMs: 3000, renewals: 0 };

test("a lease without a keep-alive ends after its time, one with a keep-alive goes on", () => {
	const deadlines = createLeaseDeadlines(maxGapMs);
	const renewed = { id: 2, ttlMs: 3000, renewals: 0 };
	for (const now of [0, 1000, 2000])
		assert.deepEqual(deadlines.observe([lease, { ...renewed, renewals: now }], now), []);
	assert.deepEqual(deadlines.observe([lease, { ...renewed, renewals: 2000 }], 3000), [lease]);
});

test("a time in which the process did not run ends no lease", () => {
	const deadlines = createLeaseDeadlines(maxGapMs);
	deadlines.observe([lease], 0);
	assert.deepEqual(deadlines.observe([lease], 60_000), [], "stopped for a minute");
	for (const now of [61_000, 62_000]) assert.deepEqual(deadlines.observe([lease], now), []);
	assert.deepEqual(deadlines.observe([lease], 63_000), [lease], "its whole time has passed again");
});
