import assert from "node:assert/strict";
import { test } from "node:test";
import { createDerived, createListKeeper } from "./derived.ts";

test("what was made is kept while the object and its inputs are the same", () => {
	const derive = createDerived<object, { readonly number: number }>();
	let builds = 0;
	const build = () => ({ number: ++builds });
	const [one, other] = [{}, {}];
	const first = derive(one, [1, one], build);
	assert.equal(derive(one, [1, one], build), first);
	assert.notEqual(derive(other, [1, one], build), first);
	assert.notEqual(derive(one, [1, other], build), first);
	assert.notEqual(derive(one, [1], build), first);
	assert.equal(builds, 4);
});

test("a list is the one before while its members are", () => {
	const keep = createListKeeper<number>();
	const first = keep([1, 2]);
	assert.equal(keep([1, 2]), first);
	assert.notEqual(keep([1, 2, 3]), first);
	assert.deepEqual(keep([2, 1]), [2, 1]);
});
