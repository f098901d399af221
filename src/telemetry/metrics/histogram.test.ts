import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../core/index.ts";
import { computeBuckets, computeQuantiles, computeSum, defaultBuckets, Histogram } from "./histogram.ts";

function histogramOf(...values: number[]): Histogram {
	const histogram = new Histogram("h");
	for (const value of values) histogram.record(value);
	return histogram;
}

test("quantiles of known values are those a stock Envoy printed for them", () => {
	assert.deepEqual(computeQuantiles(histogramOf(5).bins()), new Array(10).fill(5.05));
	// Envoy's `detailed` view named the bins, its `summary` the quantiles.
	const bins = histogramOf(...new Array<number>(11).fill(0), 1, 32, 33, 41).bins();
	assert.deepEqual(
		bins.map(({ lower, width, count }) => [lower, width, count]),
		[
			[0, 0, 11],
			[1, 0.1, 1],
			[32, 1, 1],
			[33, 1, 1],
			[41, 1, 1],
		],
	);
	assert.deepEqual(computeQuantiles(bins), [0, 0, 0, 1.05, 33.5, 41.5, 41.5, 41.5, 41.5, 41.5]);
	const ones = computeQuantiles(histogramOf(...new Array<number>(27).fill(1)).bins());
	assert.deepEqual(
		ones.map((value) => value.toFixed(10)),
		[
			1.0035714286, 1.025, 1.05, 1.075, 1.0892857143, 1.0928571429, 1.0964285714, 1.0964285714, 1.0964285714,
			1.0964285714,
		].map((value) => value.toFixed(10)),
	);
});

test("sums take each value as the harmonic middle of its bin, as a stock Envoy printed them", () => {
	assert.equal(computeSum(histogramOf(3).bins()), 3.0491803278688523);
	assert.equal(computeSum(histogramOf(0, 0).bins()), 0);
});

test("a bucket counts values up to its bound, the bound included", () => {
	const counts = computeBuckets(histogramOf(0, 1, 5, 50, 51, 3_600_000, 9e15).bins(), defaultBuckets);
	assert.deepEqual(counts, [1, 2, 3, 3, 3, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 6]);
});

test("every whole number falls into the bin of its two leading digits", () => {
	const random = createSeededRandom(7);
	for (let round = 0; round < 2_000; round++) {
		const value = Math.floor(10 ** (random.next() * 15));
		const [bin] = histogramOf(value).bins();
		assert.ok(
			bin!.lower <= value && value < bin!.lower + bin!.width * (1 + 1e-9),
			`${value} in ${JSON.stringify(bin)}`,
		);
		if (value >= 10) assert.equal(String(bin!.lower).slice(0, 2), String(value).slice(0, 2));
	}
	assert.deepEqual(histogramOf(-3, Number.NaN, 0.7).bins(), [{ lower: 0, width: 0, count: 3 }]);
});

test("an interval holds what came between two flushes", () => {
	const histogram = histogramOf(1, 1, 7);
	assert.deepEqual(histogram.intervalBins(), []);
	histogram.flush();
	assert.equal(
		histogram.intervalBins().reduce((sum, bin) => sum + bin.count, 0),
		3,
	);
	histogram.record(7);
	histogram.flush();
	assert.deepEqual(histogram.intervalBins(), [{ lower: 7, width: 0.1, count: 1 }]);
	histogram.flush();
	assert.deepEqual(histogram.intervalBins(), []);
	assert.equal(histogram.count, 4);
});
