import assert from "node:assert/strict";
import { test } from "node:test";
import { rememberByObject } from "./remember.ts";

test("what was computed for an object is not computed again, for an equal one it is", () => {
	let computed = 0;
	const double = rememberByObject(({ number }: { readonly number: number }) => {
		computed++;
		return number * 2;
	});
	const two = { number: 2 };
	assert.deepEqual([double(two), double(two), double({ number: 2 })], [4, 4, 4]);
	assert.equal(computed, 2);
});

test("null is a value, too", () => {
	let computed = 0;
	const nothing = rememberByObject((_: object) => {
		computed++;
		return null;
	});
	const key = {};
	assert.deepEqual([nothing(key), nothing(key)], [null, null]);
	assert.equal(computed, 1);
});
