import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCdnLoop } from "./index.ts";

test("identifiers are hosts, with or without a port, addresses or tokens; parameters are none of them", () => {
	assert.deepEqual(parseCdnLoop(""), []);
	assert.deepEqual(parseCdnLoop(" ,, a , \t"), ["a"]);
	assert.deepEqual(parseCdnLoop('a, b.example:80;v=1 ; w="x,\\"y", [::1]:80'), ["a", "b.example:80", "[::1]:80"]);
	for (const wrong of ["a b", "a;", "a;b", 'a;b="', "[::1", "ü", "a;=1", "a/b"]) {
		assert.equal(parseCdnLoop(wrong), undefined, wrong);
	}
});

test("a long value is read in the time that its length takes", () => {
	assert.equal(parseCdnLoop(`${" ;a=b".repeat(10_000)}`), undefined);
	assert.equal(parseCdnLoop(`a${"  ".repeat(20_000)};`), undefined);
	assert.equal(parseCdnLoop(`a${` ; p="${"x".repeat(40)}"`.repeat(1000)}"`), undefined);
});
