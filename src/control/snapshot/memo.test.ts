import assert from "node:assert/strict";
import { test } from "node:test";
import { createMemo } from "./memo.ts";

test("a value is built anew only when an input is another one", () => {
	const memo = createMemo();
	const input = {};
	const first = memo.get("key", [input, 1], () => ({}));
	assert.equal(
		memo.get("key", [input, 1], () => ({})),
		first,
	);
	assert.notEqual(
		memo.get("key", [{}, 1], () => ({})),
		first,
	);
	assert.notEqual(
		memo.get("key", [input], () => ({})),
		first,
	);
});

test("an equal new value leaves the old one in its place", () => {
	const memo = createMemo();
	const isEqual = (before: { x: number }, after: { x: number }): boolean => before.x === after.x;
	const first = memo.get("key", [1], () => ({ x: 5 }), isEqual);
	assert.equal(
		memo.get("key", [2], () => ({ x: 5 }), isEqual),
		first,
	);
	assert.deepEqual(
		memo.get("key", [3], () => ({ x: 6 }), isEqual),
		{ x: 6 },
	);
});

test("what two generations did not ask for is forgotten", () => {
	const memo = createMemo();
	const first = memo.get("key", [], () => ({}));
	memo.advance();
	memo.advance();
	assert.equal(
		memo.get("key", [], () => ({})),
		first,
	);
	for (let generation = 0; generation < 3; generation++) memo.advance();
	assert.notEqual(
		memo.get("key", [], () => ({})),
		first,
	);
});
