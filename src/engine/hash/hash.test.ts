import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../core/index.ts";
import { MurmurHash64, XxHash64, xxHash64 } from "./index.ts";

test("xxHash64 gives the published values", () => {
	const table: [string, bigint][] = [
		["", 0xef46db3751d8e999n],
		["a", 0xd24ec4f1a98c6e5bn],
		["abc", 0x44bc2cf5ad770999n],
		["foo", 3728699739546630719n],
		["bar", 5234164152756840025n],
		["foo\nbar", 8917841378505826757n],
		["lyft", 4400747396090729504n],
	];
	const hash = new XxHash64();
	for (const [text, expected] of table) {
		assert.equal(xxHash64(text), expected, JSON.stringify(text));
		assert.equal(hash.digest(text).toBigInt(), expected, "with a used instance");
	}
});

test("xxHash64 agrees with a plain implementation at every length and seed", () => {
	const random = createSeededRandom(7);
	for (let length = 0; length < 140; length++) {
		const text = Array.from({ length }, () => String.fromCharCode(Math.floor(random.next() * 256))).join("");
		for (const seed of [0, 1, 0xffffffff]) assert.equal(xxHash64(text, seed), reference(text, seed), `${length}`);
	}
});

test("murmur hash gives the values of Envoy's tests", () => {
	const hash = new MurmurHash64();
	const table: [string, bigint][] = [
		["foo", 9631199822919835226n],
		["bar", 11474628671133349555n],
		["foo\nbar", 16306510975912980159n],
		["lyft", 12847078931730529320n],
		["", 6142509188972423790n],
	];
	for (const [text, expected] of table) assert.equal(hash.digest(text).toBigInt(), expected, JSON.stringify(text));
});

test("the upper bits order hashes as the whole does", () => {
	const hash = new XxHash64();
	const all = Array.from({ length: 1000 }, (_, index) => {
		const value = hash.digest(`host_${index}`);
		return { whole: value.toBigInt(), upper: value.toUpperBits() };
	});
	for (const { whole, upper } of all) assert.equal(BigInt(upper), whole >> 11n);
});

const mask = (1n << 64n) - 1n;
const primes = [
	0x9e3779b185ebca87n,
	0xc2b2ae3d27d4eb4fn,
	0x165667b19e3779f9n,
	0x85ebca77c2b2ae63n,
	0x27d4eb2f165667c5n,
];

function reference(text: string, seedNumber: number): bigint {
	const [p1, p2, p3, p4, p5] = primes as [bigint, bigint, bigint, bigint, bigint];
	const bytes = Buffer.from(text, "latin1");
	const seed = BigInt(seedNumber);
	const rotate = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (64n - bits))) & mask;
	const round = (value: bigint, input: bigint): bigint =>
		(rotate((value + ((input * p2) & mask)) & mask, 31n) * p1) & mask;
	let at = 0;
	let hash: bigint;
	if (bytes.length >= 32) {
		const lanes = [(seed + p1 + p2) & mask, (seed + p2) & mask, seed, (seed - p1) & mask];
		for (; at + 32 <= bytes.length; at += 32) {
			for (let lane = 0; lane < 4; lane++) lanes[lane] = round(lanes[lane]!, bytes.readBigUInt64LE(at + lane * 8));
		}
		hash = [1n, 7n, 12n, 18n].reduce((sum, bits, lane) => sum + rotate(lanes[lane]!, bits), 0n) & mask;
		for (const lane of lanes) hash = ((hash ^ round(0n, lane)) * p1 + p4) & mask;
	} else {
		hash = (seed + p5) & mask;
	}
	hash = (hash + BigInt(bytes.length)) & mask;
	for (; at + 8 <= bytes.length; at += 8)
		hash = (rotate(hash ^ round(0n, bytes.readBigUInt64LE(at)), 27n) * p1 + p4) & mask;
	if (at + 4 <= bytes.length) {
		hash = (rotate(hash ^ ((BigInt(bytes.readUInt32LE(at)) * p1) & mask), 23n) * p2 + p3) & mask;
		at += 4;
	}
	for (; at < bytes.length; at++) hash = (rotate(hash ^ ((BigInt(bytes[at]!) * p5) & mask), 11n) * p1) & mask;
	hash = ((hash ^ (hash >> 33n)) * p2) & mask;
	hash = ((hash ^ (hash >> 29n)) * p3) & mask;
	return hash ^ (hash >> 32n);
}
