import assert from "node:assert/strict";
import { test } from "node:test";
import { KeptMemory } from "./kept-memory.ts";

const mib = 1024 * 1024;
const reading = (keptMib: number, busyShare = 0) => ({
	residentBytes: (keptMib + 50) * mib,
	heapBytes: 50 * mib,
	busyShare,
});

test("memory is given back when much is kept above the least there was, and the process is not busy", () => {
	const kept = new KeptMemory();
	assert.equal(kept.observe(reading(60), 0), false);
	assert.equal(kept.observe(reading(120), 10_000), false);
	assert.equal(kept.observe(reading(300, 0.9), 20_000), false);
	assert.equal(kept.observe(reading(300), 30_000), true);
	assert.equal(kept.observe(reading(62), 40_000), false);
});

test("what is in use is asked for less and less often, until something comes back", () => {
	const kept = new KeptMemory();
	kept.observe(reading(60), 0);
	const asked: number[] = [];
	for (let now = 10_000; now <= 1_000_000; now += 10_000) if (kept.observe(reading(400), now)) asked.push(now / 1000);
	assert.deepEqual(asked, [10, 40, 90, 180, 350, 660, 970]);
	assert.equal(kept.observe(reading(60), 1_010_000), false);
	assert.equal(kept.observe(reading(400), 1_020_000), true, "and soon again then");
});
