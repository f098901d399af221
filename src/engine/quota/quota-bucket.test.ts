import assert from "node:assert/strict";
import { test } from "node:test";
import { QuotaBucket, QuotaBuckets, type QuotaStrategy, quotaKey } from "./index.ts";

const tokens = (maxTokens: number): QuotaStrategy => ({
	kind: "bucket",
	config: { maxTokens, tokensPerFill: 1, fillIntervalMs: 1_000_000 },
});
const share = tokens(1);
const take = (bucket: QuotaBucket, times: number, now: number): number =>
	Array.from({ length: times }, () => bucket.take(now)).filter(Boolean).length;
const create = (expired: QuotaStrategy | "same" | undefined = share) =>
	new QuotaBucket(
		{ limit: "l" },
		{ withoutLease: share, expired: expired === undefined ? undefined : { strategy: expired, forMs: 5_000 } },
		0,
	);

test("a bucket goes by what holds without a lease, then by the lease, then by what holds after it", () => {
	const bucket = create();
	assert.equal(take(bucket, 3, 0), 1);
	bucket.assign(tokens(2), 1_000, 10);
	assert.equal(take(bucket, 3, 10), 2);
	assert.equal(take(bucket, 3, 1_009), 0);
	// The lease is over, then what comes after it.
	assert.equal(take(bucket, 3, 1_010), 1);
	assert.equal(take(bucket, 3, 6_011), 0);
});

test("the same lease again only lasts longer, another begins full", () => {
	const bucket = create();
	bucket.assign(tokens(2), 1_000, 0);
	assert.equal(take(bucket, 2, 0), 2);
	bucket.assign(tokens(2), 1_000, 900);
	assert.equal(take(bucket, 1, 1_500), 0);
	bucket.assign(tokens(3), 1_000, 1_600);
	assert.equal(take(bucket, 5, 1_600), 3);
	bucket.assign({ kind: "deny" }, undefined, 1_700);
	assert.equal(take(bucket, 5, 1e9), 0);
	bucket.assign({ kind: "allow" }, 1_000, 1e9);
	assert.equal(take(bucket, 5, 1e9), 5);
});

test("the last lease may go on after its end, for a time", () => {
	const bucket = create("same");
	bucket.assign(tokens(2), 1_000, 0);
	assert.equal(take(bucket, 1, 0), 1);
	assert.equal(take(bucket, 3, 2_000), 1);
	assert.equal(take(bucket, 3, 6_001), 1);
});

test("usage is told once", () => {
	const bucket = create();
	take(bucket, 3, 5);
	assert.equal(bucket.hasUsage, true);
	assert.deepEqual(bucket.takeUsage(10), { allowed: 1, denied: 2, elapsedMs: 10 });
	assert.deepEqual(bucket.takeUsage(30), { allowed: 0, denied: 0, elapsedMs: 20 });
	assert.equal(bucket.hasUsage, false);
});

test("there are at most so many buckets, and one that is in use stays", () => {
	const buckets = new QuotaBuckets(10);
	const fallback = { withoutLease: share, expired: undefined };
	const kept = buckets.add("kept", { limit: "kept" }, fallback, 0);
	for (let number = 0; number < 1_000; number++) {
		kept.take(number);
		buckets.add(quotaKey({ limit: "l", 0: String(number) }), { limit: "l", 0: String(number) }, fallback, number);
	}
	assert.equal(buckets.size, 10);
	assert.equal(buckets.get("kept"), kept);
});

test("a name is the same whatever the order of its entries", () => {
	assert.equal(quotaKey({ a: "1", b: "2" }), quotaKey({ b: "2", a: "1" }));
	assert.notEqual(quotaKey({ a: "1", b: "2" }), quotaKey({ a: "1b", "": "2" }));
});
