import assert from "node:assert/strict";
import { test } from "node:test";
import { ByteBucket } from "./byte-bucket.ts";

test("the first comer finds what an interval brings, and time brings more up to a second's worth", () => {
	const bucket = new ByteBucket(1000, 50);
	assert.equal(bucket.take(500, 0), 50);
	assert.equal(bucket.take(500, 0), 0);
	assert.equal(bucket.take(500, 100), 100);
	assert.equal(bucket.take(5000, 10_000), 1000);
});
