import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { createChangeBell } from "./change-bell.ts";

/** Somebody who waits again each time; answers with how often it woke. */
function follow(bell: ReturnType<typeof createChangeBell>): () => number {
	let woken = 0;
	let isOver = false;
	const run = async (): Promise<void> => {
		while (!isOver) {
			await bell.wait(3_600_000);
			woken++;
			isOver = woken > 100;
		}
	};
	void run();
	return () => woken;
}

test("a ring after a rest wakes at once, and a thousand in a second wake five times at most", async () => {
	const clock = createFakeClock();
	const bell = createChangeBell(clock);
	const woken = follow(bell);
	bell.ring();
	await clock.advanceAsync(0);
	assert.equal(woken(), 1);
	for (let ring = 0; ring < 1_000; ring++) {
		bell.ring();
		await clock.advanceAsync(1);
	}
	assert.ok(woken() >= 4 && woken() <= 5, String(woken()));
	const before = woken();
	bell.ring();
	await clock.advanceAsync(250);
	assert.equal(woken(), before + 1, "the last one is not lost");
	await clock.advanceAsync(250);
	bell.ring();
	await clock.advanceAsync(0);
	assert.equal(woken(), before + 2);
	bell.close();
});
