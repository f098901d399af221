import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { MergeWindow } from "./merge-window.ts";

function setUp(windowMs = 1000) {
	const clock = createFakeClock();
	const names = [
		"cluster_updated",
		"cluster_updated_via_merge",
		"update_merge_cancelled",
		"update_out_of_merge_window",
	] as const;
	const counts = Object.fromEntries(names.map((name) => [name, { value: 0 }]));
	const delivered: number[] = [];
	const window = new MergeWindow(
		windowMs,
		clock,
		() => counts as never,
		(priority) => delivered.push(priority),
	);
	return { clock, window, delivered, count: () => names.map((name) => counts[name]!.value) };
}

test("the first change is seen at once, those soon behind it together", () => {
	const { clock, window, delivered, count } = setUp();
	window.offer(1);
	assert.deepEqual(delivered, [0]);
	clock.advance(500);
	window.offer(1);
	window.offer(1);
	clock.advance(999);
	assert.deepEqual(delivered, [0]);
	clock.advance(1);
	assert.deepEqual(delivered, [0, 0]);
	assert.deepEqual(count(), [1, 1, 0, 1]);
});

test("a change is one of every priority, and holds a failover to the next one back", () => {
	const { clock, window, delivered, count } = setUp();
	window.offer(3);
	assert.deepEqual(delivered, [0, 1, 2]);
	clock.advance(300);
	window.offer(3);
	assert.deepEqual(delivered, [0, 1, 2]);
	clock.advance(1000);
	assert.deepEqual(delivered, [0, 1, 2, 0, 1, 2]);
	assert.deepEqual(count(), [3, 3, 0, 3]);
});

test("hosts that come or go end the wait, and begin another window", () => {
	const { clock, window, delivered, count } = setUp();
	window.offer(1);
	window.offer(1);
	window.onDelivered(1);
	clock.advance(1000);
	assert.deepEqual(delivered, [0]);
	window.offer(1);
	clock.advance(1000);
	assert.deepEqual(delivered, [0, 0]);
	assert.deepEqual(count(), [1, 1, 1, 1]);
});

test("without a window nothing waits; closing leaves no timer behind", () => {
	const { window, delivered } = setUp(0);
	for (let time = 0; time < 3; time++) window.offer(1);
	assert.deepEqual(delivered, [0, 0, 0]);
	const other = setUp();
	other.window.offer(1);
	other.window.offer(1);
	other.window.close();
	assert.equal(other.clock.pending, 0);
});
