import assert from "node:assert/strict";
import { test } from "node:test";
import { SharedCounts } from "./index.ts";

test("two holders of one buffer count a name together, other names apart", () => {
	const one = new SharedCounts({ slots: 8 });
	const other = new SharedCounts(one.buffer);
	const [mine, theirs] = [one.claim("a"), other.claim("a")];
	assert.deepEqual([mine.tryAdd(2), theirs.tryAdd(2), mine.tryAdd(2)], [true, true, false]);
	assert.equal(theirs.value, 2);
	theirs.add(-1);
	assert.equal(mine.tryAdd(2), true);
	assert.equal(one.claim("b").value, 0);
	assert.deepEqual([mine.replace(2, 7), mine.replace(2, 8), theirs.value], [true, false, 7]);
});

test("beyond its bound a name is counted for its holder alone", () => {
	const counts = new SharedCounts({ slots: 1 });
	counts.claim("a").add(1);
	const lonely = counts.claim("b");
	lonely.add(1);
	assert.equal(lonely.value, 1);
	assert.equal(counts.claim("b").value, 0);
});
