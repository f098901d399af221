import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { type DeadlineHolder, DeadlineQueue } from "./deadline-queue.ts";

const never = Number.POSITIVE_INFINITY;

function createHolder(onDeadline: (now: number) => number): DeadlineHolder {
	return { queuedFor: never, onDeadline };
}

test("a deadline that moved later while it was queued is asked once and then again at its new time", () => {
	const clock = createFakeClock();
	const queue = new DeadlineQueue(clock);
	const asked: number[] = [];
	let due = 100;
	const holder = createHolder((now) => {
		asked.push(now);
		return now >= due ? never : due;
	});
	queue.schedule(holder, due);
	due = 250;
	queue.schedule(holder, due);
	clock.advance(1000);
	assert.deepEqual(asked, [100, 250]);
});

test("an earlier deadline takes the place of a later one", () => {
	const clock = createFakeClock();
	const queue = new DeadlineQueue(clock);
	const asked: string[] = [];
	const make = (name: string): DeadlineHolder =>
		createHolder(() => {
			asked.push(name);
			return never;
		});
	const [one, two, three] = [make("one"), make("two"), make("three")];
	queue.schedule(one, 300);
	queue.schedule(two, 200);
	queue.schedule(three, 400);
	queue.schedule(three, 100);
	clock.advance(1000);
	assert.deepEqual(asked, ["three", "two", "one"]);
	assert.equal(clock.pending, 0);
});

test("a cancelled holder is not asked", () => {
	const clock = createFakeClock();
	const queue = new DeadlineQueue(clock);
	const holder = createHolder(() => assert.fail("asked"));
	queue.schedule(holder, 10);
	queue.cancel(holder);
	clock.advance(100);
});

test("what was cancelled is not kept until its time", () => {
	const clock = createFakeClock();
	const queue = new DeadlineQueue(clock);
	const asked: number[] = [];
	for (let index = 0; index < 10_000; index++) {
		const holder = createHolder((now) => {
			asked.push(now);
			return never;
		});
		queue.schedule(holder, 3_600_000 + index);
		if (index % 1000 === 500) continue;
		if (index % 2 === 0) queue.schedule(holder, 1_800_000);
		queue.cancel(holder);
	}
	assert.ok(queue.size < 200, `${queue.size} entries`);
	clock.advance(7_200_000);
	assert.deepEqual(
		asked,
		Array.from({ length: 10 }, (_, index) => 3_600_000 + index * 1000 + 500),
	);
	assert.equal(queue.size, 0);
});
