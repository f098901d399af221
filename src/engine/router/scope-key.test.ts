import assert from "node:assert/strict";
import { test } from "node:test";
import { computeScopeKey } from "./scope-key.ts";

const request = (headers: string[]) => ({
	method: "GET",
	path: "/",
	authority: "a.test",
	scheme: "http",
	headers,
	upgrade: undefined,
});
const byIndex = (header: string, separator: string, index: number) =>
	({ kind: "index", header, separator, index }) as const;
const byKey = (header: string) => ({ kind: "element", header, separator: ";", key: "id", pairSeparator: "=" }) as const;

test("a key is put together from parts of headers, in order", () => {
	const fragments = [byIndex("x-list", ",", 1), byKey("x-pairs"), byIndex(":authority", "", 0)];
	const key = computeScopeKey(fragments, request(["x-list", "a,b", "x-pairs", "no=1;id=2=3;id=4"]));
	assert.deepEqual(key, ["b", "2=3", "a.test"]);
});

test("a key without one of its parts is none", () => {
	assert.equal(computeScopeKey([byIndex("x-list", ",", 2)], request(["x-list", "a,b"])), undefined);
	assert.equal(computeScopeKey([byKey("x-pairs")], request(["x-pairs", "other=1"])), undefined);
	assert.equal(computeScopeKey([byIndex("x-list", "", 0)], request([])), undefined);
});

test("an element without a separator has an empty value, and the first field of a name counts", () => {
	assert.deepEqual(computeScopeKey([byKey("x-pairs")], request(["x-pairs", "id"])), [""]);
	assert.deepEqual(computeScopeKey([byIndex("x-s", "", 0)], request(["x-s", "1", "x-s", "2"])), ["1"]);
});
