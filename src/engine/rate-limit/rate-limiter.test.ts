import assert from "node:assert/strict";
import { test } from "node:test";
import { createRateLimiter, type Descriptor, TokenBucket } from "./index.ts";

const bucket = (maxTokens: number) => ({ maxTokens, tokensPerFill: 1, fillIntervalMs: 1000 });
const by = (key: string, value: string, hits?: number): Descriptor => ({
	entries: [{ key, value }],
	hits,
	limit: undefined,
	headers: "unspecified",
});

test("a bucket begins full and fills at its rate", () => {
	const tokens = new TokenBucket(bucket(2), 0);
	assert.deepEqual([tokens.consume(1, 0), tokens.consume(1, 0), tokens.consume(1, 0)], [true, true, false]);
	assert.equal(tokens.consume(1, 999), false);
	assert.equal(tokens.consume(1, 1000), true);
	assert.equal(tokens.remaining(60_000), 2);
});

test("the seconds until a token comes are rounded up, and fewer while it comes", () => {
	const tokens = new TokenBucket({ maxTokens: 1, tokensPerFill: 1, fillIntervalMs: 5000 }, 0);
	assert.equal(tokens.nextTokenSeconds(0), 0);
	tokens.consume(1, 0);
	assert.deepEqual(
		[0, 900, 1100, 2050, 4999, 5000].map((now) => tokens.nextTokenSeconds(now)),
		[5, 5, 4, 3, 1, 0],
	);
});

test("a descriptor's bucket limits beside the default one", () => {
	const limiter = createRateLimiter(
		{
			bucket: bucket(3),
			descriptors: [{ entries: [{ key: "id", value: "a" }], bucket: bucket(1), isShadow: false }],
			alwaysConsumesDefault: true,
			maxDynamicDescriptors: 2,
		},
		0,
	);
	const allowed = (descriptors: Descriptor[]): boolean => limiter.check(descriptors, 0).isAllowed;
	assert.deepEqual([allowed([by("id", "a")]), allowed([by("id", "a")])], [true, false]);
	assert.deepEqual([allowed([]), allowed([]), allowed([])], [true, true, false]);
});

test("free values have a bucket each, and the longest unused ones go", () => {
	const limiter = createRateLimiter(
		{
			bucket: undefined,
			descriptors: [{ entries: [{ key: "id", value: "" }], bucket: bucket(1), isShadow: false }],
			alwaysConsumesDefault: true,
			maxDynamicDescriptors: 2,
		},
		0,
	);
	const seen = ["a", "a", "b", "c", "a"].map((value) => limiter.check([by("id", value)], 0).isAllowed);
	assert.deepEqual(seen, [true, false, true, true, true]);
});

test("a request may count more than once", () => {
	const limiter = createRateLimiter(
		{
			bucket: undefined,
			descriptors: [{ entries: [{ key: "id", value: "a" }], bucket: bucket(5), isShadow: false }],
			alwaysConsumesDefault: false,
			maxDynamicDescriptors: 1,
		},
		0,
	);
	assert.deepEqual(
		[1, 2, 3].map(() => limiter.check([by("id", "a", 2)], 0).isAllowed),
		[true, true, false],
	);
});
