import assert from "node:assert/strict";
import { test } from "node:test";
import { defaultHttp2Config } from "./config.ts";
import { describeField } from "./field-tags.ts";
import { type BlockKind, HeadReader } from "./head-reader.ts";

function read(kind: BlockKind, ...pairs: readonly (readonly [string, string])[]): readonly string[] {
	const reader = new HeadReader(defaultHttp2Config);
	const fields = pairs.map(([name, value]) => ({ name, value, tag: describeField(name, value) }));
	assert.equal(reader.read(fields as never, kind, 0), undefined);
	return reader.head!.fields;
}

const request = [
	[":method", "GET"],
	[":scheme", "http"],
	[":path", "/"],
	[":authority", "a.test"],
] as const;

test("fields that a message has once become one, others stay several", () => {
	const free = [
		["x-free", "1"],
		["x-free", "2"],
	] as const;
	assert.deepEqual(read("request", ...request, ["accept", "a"], ...free, ["accept", "b"]), [
		"accept",
		"a,b",
		"x-free",
		"1",
		"x-free",
		"2",
	]);
	assert.deepEqual(
		read("response", [":status", "200"], ["etag", "1"], ["accept", "a"], ["etag", "2"], ["accept", "b"]),
		["etag", "1,2", "accept", "a", "accept", "b"],
	);
	assert.deepEqual(read("trailers", ["etag", "1"], ["etag", "2"]), ["etag", "1", "etag", "2"]);
});
