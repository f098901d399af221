import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { createBackoff } from "./backoff.ts";
import { createSeededRandom } from "./random.ts";
import { pause, repeatUntilStopped } from "./repeat.ts";

const config = { baseMs: 100, maxMs: 400 };
const most = { next: () => 0.999_999 };

test("delays grow with failures in a row to a bound, above the floor, and begin anew after what went well", () => {
	const backoff = createBackoff(config, most, 50);
	assert.deepEqual(
		Array.from({ length: 5 }, () => backoff.next()),
		[149, 249, 449, 449, 449],
	);
	backoff.reset();
	assert.equal(backoff.next(), 149);
	const jittered = createBackoff(config, createSeededRandom(1), 50);
	for (let count = 0; count < 100; count++) {
		const delay = jittered.next();
		assert.ok(delay >= 50 && delay < 450, String(delay));
	}
});

test("rounds follow one another, a failed one is told and waited after, and the end comes at once", async () => {
	const clock = createFakeClock();
	const stop = new AbortController();
	const seen: string[] = [];
	const outcomes = [true, false, false, true, false];
	const repeating = repeatUntilStopped({
		clock,
		signal: stop.signal,
		backoff: createBackoff(config, most),
		onFailure: (error) => void seen.push(`${String(error)} at ${clock.now()}`),
		async step() {
			seen.push(`step at ${clock.now()}`);
			if (outcomes.shift() !== true) throw "failed";
		},
	});
	await clock.advanceAsync(299);
	stop.abort();
	await repeating;
	assert.deepEqual(seen, [
		...["step at 0", "step at 0", "failed at 0", "step at 99", "failed at 99"],
		// A round that went well starts the count again.
		...["step at 298", "step at 298", "failed at 298"],
	]);
	assert.equal(clock.pending, 0);
});

test("a round that fails because of the end is told to nobody", async () => {
	const clock = createFakeClock();
	const stop = new AbortController();
	await repeatUntilStopped({
		clock,
		signal: stop.signal,
		backoff: createBackoff(config, most),
		onFailure: () => assert.fail("told"),
		async step() {
			stop.abort();
			throw new Error("ended");
		},
	});
	assert.equal(clock.pending, 0);
});

test("a pause ends with its time or its signal, and leaves nothing behind at either", async () => {
	const clock = createFakeClock();
	const stop = new AbortController();
	let ended = 0;
	const done = pause(clock, 10, stop.signal).then(() => ended++);
	await clock.advanceAsync(9);
	assert.equal(ended, 0);
	await clock.advanceAsync(1);
	await done;
	const second = pause(clock, 10, stop.signal);
	stop.abort();
	await second;
	await pause(clock, 10, stop.signal);
	assert.equal(clock.pending, 0);
});
