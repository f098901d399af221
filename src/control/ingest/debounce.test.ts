import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { createDebounce } from "./debounce.ts";

test("many triggers are one run, some quiet time after the last", () => {
	const clock = createFakeClock();
	let runs = 0;
	const debounce = createDebounce({ clock, quietMs: 20, maxMs: 200 }, () => runs++);
	for (let step = 0; step < 5; step++) {
		debounce.trigger();
		clock.advance(10);
	}
	assert.equal(runs, 0);
	clock.advance(10);
	assert.equal(runs, 1);
	clock.advance(1_000);
	assert.equal(runs, 1);
});

test("triggers without end run at the bound", () => {
	const clock = createFakeClock();
	let runs = 0;
	const debounce = createDebounce({ clock, quietMs: 20, maxMs: 200 }, () => runs++);
	for (let step = 0; step < 100; step++) {
		debounce.trigger();
		clock.advance(10);
	}
	assert.ok(runs >= 4 && runs <= 5, `${runs} runs in a second`);
	debounce.trigger();
	debounce.close();
	clock.advance(1_000);
	assert.ok(runs <= 5);
	assert.equal(clock.pending, 0);
});

test("a trigger after a rest runs soon, and those that follow wait as usual", () => {
	const clock = createFakeClock();
	let runs = 0;
	const debounce = createDebounce({ clock, quietMs: 20, maxMs: 200, firstMs: 2 }, () => runs++);
	debounce.trigger();
	debounce.trigger();
	clock.advance(2);
	assert.equal(runs, 1);
	debounce.trigger();
	clock.advance(19);
	assert.equal(runs, 1);
	clock.advance(1);
	assert.equal(runs, 2);
	clock.advance(200);
	debounce.trigger();
	clock.advance(2);
	assert.equal(runs, 3);
});
