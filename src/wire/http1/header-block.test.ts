import assert from "node:assert/strict";
import { test } from "node:test";
import { HeaderBlock } from "./header-block.ts";

function scan(...lines: readonly string[]): HeaderBlock {
	const block = new HeaderBlock(new Set(["etag", "server", "vary"]));
	assert.equal(block.scan(`${lines.join("\r\n")}\r\n\r\n`, 0, 100), "complete");
	return block;
}

test("fields that a message has once become the first of them, with every value", () => {
	const block = scan("ETag: 1", "x-a: a", "etag: 2", "X-A: b", "etag: 3");
	assert.deepEqual(block.list, ["etag", "1,2,3", "x-a", "a", "x-a", "b"]);
	assert.equal(block.passText, "etag: 1,2,3\r\nx-a: a\r\nx-a: b\r\n");
});

test("text without such fields passes as it came", () => {
	const block = scan("ETag: 1", "Vary: a", "Exact: b");
	assert.equal(block.passText, "ETag: 1\r\nVary: a\r\nExact: b\r\n");
});

test("a field that was joined can be dropped", () => {
	const block = scan("server: a", "x-a: a", "server: b");
	block.dropServer();
	assert.deepEqual(block.list, ["x-a", "a"]);
	assert.equal(block.passText, "x-a: a\r\n");
});

test("nothing stays of the message before", () => {
	const block = scan("vary: a", "vary: b");
	assert.equal(block.passText, "vary: a,b\r\n");
	assert.equal(block.scan("vary: c\r\n\r\n", 0, 100), "complete");
	assert.equal(block.passText, "vary: c\r\n");
});
