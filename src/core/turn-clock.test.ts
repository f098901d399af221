import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { createTurnClock } from "./turn-clock.ts";

test("the time stands still within a turn and has moved on in the next one", async () => {
	const clock = createFakeClock();
	const turnClock = createTurnClock(clock);
	const [now, wall] = [turnClock.now(), turnClock.wall()];
	clock.advance(500);
	await Promise.resolve();
	assert.deepEqual([turnClock.now(), turnClock.wall()], [now, wall]);
	await new Promise(setImmediate);
	assert.deepEqual([turnClock.now(), turnClock.wall()], [now + 500, wall + 500]);
});

test("timers are those of the clock behind", () => {
	const clock = createFakeClock();
	const turnClock = createTurnClock(clock);
	let rings = 0;
	turnClock.setTimer(100, () => rings++);
	turnClock.setTimer(100, () => rings++).cancel();
	clock.advance(100);
	assert.equal(rings, 1);
});
