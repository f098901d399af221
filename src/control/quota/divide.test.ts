import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../core/index.ts";
import { divideFairly } from "./divide.ts";

const round = (parts: readonly number[]): number[] => parts.map((part) => Math.round(part * 100) / 100);

test("who wants less than an equal part gets what it wants, the others share the rest", () => {
	assert.deepEqual(round(divideFairly(100, [10, 500, 500], 0)), [10, 45, 45]);
	assert.deepEqual(round(divideFairly(100, [500, 500], 0.1)), [50, 50]);
});

test("everyone has a floor, and what nobody wants is given to all alike", () => {
	assert.deepEqual(round(divideFairly(100, [0, 1000], 0.1)), [5, 95]);
	assert.deepEqual(round(divideFairly(90, [0, 0, 30], 0)), [20, 20, 50]);
	assert.deepEqual(divideFairly(90, [], 0.1), []);
});

test("what is short is divided by for how many it is wanted", () => {
	assert.deepEqual(round(divideFairly(100, [500, 500], 0, [3, 1])), [75, 25]);
	assert.deepEqual(round(divideFairly(100, [30, 500, 500], 0, [1, 1, 1])), [30, 35, 35]);
	assert.deepEqual(round(divideFairly(100, [30, 500], 0, [3, 1])), [30, 70], "nobody gets more than it wants");
	assert.deepEqual(round(divideFairly(100, [0, 500], 0.2, [0, 2])), [10, 90], "the floor is everybody's");
});

test("the parts add up to the budget, whatever is wanted", () => {
	const random = createSeededRandom(7);
	for (let round = 0; round < 200; round++) {
		const wants = Array.from({ length: 1 + Math.floor(random.next() * 9) }, () => random.next() * 100);
		const weights = wants.map(() => 1 + Math.floor(random.next() * 5));
		const parts = divideFairly(50, wants, random.next(), weights);
		const sum = parts.reduce((total, part) => total + part, 0);
		assert.ok(Math.abs(sum - 50) < 1e-6 && parts.every((part) => part >= 0), `${wants} → ${parts}`);
	}
});
