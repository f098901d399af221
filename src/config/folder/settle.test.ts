import assert from "node:assert/strict";
import { test } from "node:test";
import { createSettling, type FileSignature, settleTimes } from "./settle.ts";

const scan = (files: Record<string, string | FileSignature>): Map<string, FileSignature> =>
	new Map(
		Object.entries(files).map(([path, text]) => [path, typeof text === "string" ? { text, size: 1 } : text] as const),
	);

test("the first look reads every file at once", () => {
	const settling = createSettling();
	assert.deepEqual(settling.observe(scan({ "/a": "1", "/b": "1" }), [], 0), {
		read: ["/a", "/b"],
		gone: [],
		againInMs: undefined,
	});
});

test("a changed file is read once it stayed the same", () => {
	const settling = createSettling();
	settling.observe(scan({ "/a": "1" }), [], 0);
	settling.markRead("/a", { text: "1", size: 1 });
	assert.deepEqual(settling.observe(scan({ "/a": "2" }), [], 1000), {
		read: [],
		gone: [],
		againInMs: settleTimes.changed,
	});
	assert.deepEqual(settling.observe(scan({ "/a": "3" }), [], 1020).read, []);
	assert.deepEqual(settling.observe(scan({ "/a": "3" }), [], 1040), { read: [], gone: [], againInMs: 10 });
	assert.deepEqual(settling.observe(scan({ "/a": "3" }), [], 1050).read, ["/a"]);
});

test("a file that never rests is read after the longest wait", () => {
	const settling = createSettling();
	settling.observe(scan({}), [], 0);
	let now = 0;
	for (; settling.observe(scan({ "/a": String(now) }), [], now).read.length === 0; now += 10);
	assert.equal(now, settleTimes.atMost);
});

test("an emptied file waits longer than a changed one", () => {
	const settling = createSettling();
	settling.observe(scan({ "/a": "1" }), [], 0);
	settling.markRead("/a", { text: "1", size: 1 });
	const empty = { text: "2", size: 0 };
	assert.equal(settling.observe(scan({ "/a": empty }), [], 0).againInMs, settleTimes.emptied);
	assert.deepEqual(settling.observe(scan({ "/a": empty }), [], settleTimes.emptied - 1).read, []);
	assert.deepEqual(settling.observe(scan({ "/a": empty }), [], settleTimes.emptied).read, ["/a"]);
});

test("a file that is away for a moment is not gone, and one in a folder that cannot be read never is", () => {
	const settling = createSettling();
	settling.observe(scan({ "/a": "1", "/x/b": "1" }), [], 0);
	settling.markRead("/a", { text: "1", size: 1 });
	settling.markRead("/x/b", { text: "1", size: 1 });
	assert.deepEqual(settling.observe(scan({}), ["/x"], 0), { read: [], gone: [], againInMs: settleTimes.gone });
	assert.deepEqual(settling.observe(scan({ "/a": "1" }), ["/x"], 50), { read: [], gone: [], againInMs: undefined });
	assert.deepEqual(settling.observe(scan({}), ["/x"], 60).gone, []);
	assert.deepEqual(settling.observe(scan({}), ["/x"], 60 + settleTimes.gone).gone, ["/a"]);
});
