import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "./clock.ts";

test("a wait longer than what Node can wait does not end at once", async () => {
	let ends = 0;
	const timer = systemClock.setTimer(2 ** 40, () => ends++);
	await new Promise((resolve) => setTimeout(resolve, 20));
	timer.cancel();
	assert.equal(ends, 0);
});

test("it ends when its time has come, and not when it was cancelled", (t) => {
	t.mock.timers.enable({ apis: ["setTimeout"] });
	const month = 2 ** 31 - 1;
	let ends = 0;
	systemClock.setTimer(2 * month + 5, () => ends++);
	const cancelled = systemClock.setTimer(2 * month + 5, () => ends++);
	for (const [passed, expected] of [
		[1_000, 0],
		[month, 0],
		[month, 0],
		[5, 1],
		[month, 1],
	] as const) {
		if (passed === 5) cancelled.cancel();
		t.mock.timers.tick(passed);
		assert.equal(ends, expected);
	}
});
