/** Upper bounds of the buckets that Envoy shows when none are configured. */
export const defaultBuckets: readonly number[] = Object.freeze([
	0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000,
]);

/** The quantiles that `/stats` prints. */
export const quantiles: readonly number[] = Object.freeze([0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1]);

/** One used bin: values in `[lower, lower + width)`. */
export interface Bin {
	readonly lower: number;
	readonly width: number;
	readonly count: number;
}

/** 90 bins a decade: the first two digits 10..99. */
const binsPerDecade = 90;
const decades = 16;

/** A log-linear histogram of whole numbers with two significant digits, as the libcircllhist of Envoy keeps it: 90 bins a decade,
 *  a decade's bins allocated when it is first hit. `record` allocates nothing else. */
export class Histogram {
	readonly kind = "histogram";
	/** Envoy's dotted name. */
	readonly name: string;
	/** Rising upper bounds shown as buckets. */
	readonly buckets: readonly number[];
	/** Number of values recorded. */
	count = 0;
	#zeros = 0;
	readonly #decades: (Float64Array | undefined)[] = new Array<Float64Array | undefined>(decades).fill(undefined);
	#flushedCount = 0;
	#flushedBins: readonly Bin[] = [];
	#intervalBins: readonly Bin[] = [];

	constructor(name: string, buckets: readonly number[] = defaultBuckets) {
		this.name = name;
		this.buckets = buckets;
	}

	/** Records one value, cut to a whole number; negative ones count as 0. */
	record(value: number): void {
		this.count++;
		if (!(value >= 1)) {
			this.#zeros++;
			return;
		}
		let decade = 0;
		let scale = 1;
		while (value >= scale * 10 && decade < decades - 1) {
			scale *= 10;
			decade++;
		}
		const bins = this.#decades[decade] ?? this.#addDecade(decade);
		const digits = decade === 0 ? Math.floor(value) * 10 : Math.min(99, Math.floor((value * 10) / scale));
		bins[digits - 10]!++;
	}

	/** Records one value several times: what another thread counted. */
	recordTimes(value: number, times: number): void {
		if (times <= 0) return;
		this.record(value);
		this.count += times - 1;
		if (!(value >= 1)) {
			this.#zeros += times - 1;
			return;
		}
		const decade = Math.min(decades - 1, Math.floor(Math.log10(value) + 1e-9));
		const digits = decade === 0 ? Math.floor(value) * 10 : Math.min(99, Math.floor((value * 10) / 10 ** decade + 1e-9));
		this.#decades[decade]![digits - 10]! += times - 1;
	}

	/** Every bin with a count, in rising order. */
	bins(): Bin[] {
		const used: Bin[] = [];
		if (this.#zeros > 0) used.push({ lower: 0, width: 0, count: this.#zeros });
		for (let decade = 0; decade < decades; decade++) {
			const bins = this.#decades[decade];
			if (bins === undefined) continue;
			const width = 10 ** decade / 10;
			for (let index = 0; index < binsPerDecade; index++) {
				if (bins[index]! > 0) used.push({ lower: ((index + 10) * 10 ** decade) / 10, width, count: bins[index]! });
			}
		}
		return used;
	}

	/** Every bin as it was at the last flush: what Envoy shows, which merges its threads' values then. */
	flushedBins(): readonly Bin[] {
		return this.#flushedBins;
	}

	/** Number of values at the last flush. */
	get flushedCount(): number {
		return this.#flushedCount;
	}

	/** The bins of the last whole interval between two flushes. */
	intervalBins(): readonly Bin[] {
		return this.#intervalBins;
	}

	/** Ends an interval (Envoy's stats_flush_interval). */
	flush(): void {
		if (this.count === this.#flushedCount) {
			if (this.#intervalBins.length > 0) this.#intervalBins = [];
			return;
		}
		const bins = this.bins();
		const before = new Map(this.#flushedBins.map((bin) => [bin.lower, bin.count]));
		this.#intervalBins = bins
			.map((bin) => ({ ...bin, count: bin.count - (before.get(bin.lower) ?? 0) }))
			.filter((bin) => bin.count > 0);
		this.#flushedBins = bins;
		this.#flushedCount = this.count;
	}

	#addDecade(decade: number): Float64Array {
		const bins = new Float64Array(binsPerDecade);
		this.#decades[decade] = bins;
		return bins;
	}
}

/** Values at {@link quantiles}; NaN without values. The k-th of n values of a bin is taken to lie at k/(n+1) of its width. */
export function computeQuantiles(bins: readonly Bin[]): number[] {
	const total = bins.reduce((sum, bin) => sum + bin.count, 0);
	if (total === 0) return quantiles.map(() => Number.NaN);
	let index = 0;
	let below = 0;
	return quantiles.map((quantile) => {
		// The rank is rounded up; the product of two decimal fractions may lie a hair above the whole number meant.
		const rank = Math.max(1, Math.ceil(total * quantile - 1e-9));
		while (below + bins[index]!.count < rank) below += bins[index++]!.count;
		const bin = bins[index]!;
		return bin.lower + (bin.width * (rank - below)) / (bin.count + 1);
	});
}

/** The sum of all values, each taken as the harmonic middle of its bin. */
export function computeSum(bins: readonly Bin[]): number {
	return bins.reduce((sum, { lower, width, count }) => {
		const upper = lower + width;
		return lower === 0 ? sum : sum + (lower + width * (lower / (lower + upper))) * count;
	}, 0);
}

/** How many values lie in bins that begin at or below each of the rising `bounds`. */
export function computeBuckets(bins: readonly Bin[], bounds: readonly number[]): number[] {
	let index = 0;
	let below = 0;
	return bounds.map((bound) => {
		while (index < bins.length && bins[index]!.lower <= bound) below += bins[index++]!.count;
		return below;
	});
}
