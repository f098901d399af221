import assert from "node:assert/strict";
import { test } from "node:test";
import { diffLines } from "./line-diff.ts";

test("what stays, goes and comes is told in the order of the texts", () => {
	assert.deepEqual(diffLines("a\nb\nc\nd\n", "a\nx\nc\ne\nd\n"), ["  a", "- b", "+ x", "  c", "+ e", "  d"]);
	assert.deepEqual(diffLines("", "a\nb\n"), ["+ a", "+ b"]);
	assert.deepEqual(diffLines("a\n", ""), ["- a"]);
	assert.deepEqual(diffLines("a\na\n", "a\n"), ["  a", "- a"]);
	assert.deepEqual(diffLines("same\n", "same\n"), ["  same"]);
});

test("texts too long to be compared are told as gone and come", () => {
	const lines = (name: string): string => Array.from({ length: 3_000 }, (_, at) => `${name} ${at}\n`).join("");
	const told = diffLines(`head\n${lines("old")}`, `head\n${lines("new")}`);
	assert.equal(told.length, 6_001);
	assert.equal(told[1], "- old 0");
	assert.equal(told.at(-1), "+ new 2999");
});
