import { type Bin, computeBuckets, computeQuantiles, type Histogram, quantiles } from "./histogram.ts";
import { isSelected, type StatsSelection } from "./prometheus.ts";
import type { MetricsRegistry } from "./registry.ts";

/** Which kinds of statistics are shown. */
export type StatsType = "All" | "Counters" | "Gauges" | "Histograms" | "TextReadouts" | "None";

/** How histograms are shown: quantiles (`summary`, the default), counts below each bound, counts between bounds, or every bin. */
export type HistogramView = "summary" | "cumulative" | "disjoint" | "detailed";

/** What `/stats` is asked for. */
export interface StatsQuery extends StatsSelection {
	/** `All` by default. */
	readonly type?: StatsType;
	/** `summary` by default. */
	readonly histograms?: HistogramView;
}

/** A number as text, beyond those that a double holds exactly (TC39 "JSON.parse source text access"). */
const rawJson = (JSON as unknown as { readonly rawJSON: (text: string) => unknown }).rawJSON;

interface Named {
	readonly name: string;
	readonly text: string;
}

/** The body of Envoy's `/stats`: texts, then counters and gauges, then histograms, each by name. */
export function formatStatsText(registry: MetricsRegistry, query: StatsQuery = {}): string {
	const { texts, numbers, histograms } = selectStats(registry, query);
	const lines = [
		...texts.map(({ name, value }) => `${name}: "${value}"\n`),
		...numbers.map(({ name, value, exact }) => `${name}: ${exact ?? value}\n`),
		...histograms
			.map(({ name, histogram }): Named => ({ name, text: describe(histogram, query.histograms ?? "summary") }))
			.map(({ name, text }) => `${name}:${text}\n`),
	];
	return lines.join("");
}

/** The body of Envoy's `/stats?format=json`. */
export function formatStatsJson(registry: MetricsRegistry, query: StatsQuery = {}): string {
	const { texts, numbers, histograms } = selectStats(registry, query);
	const stats: unknown[] = [
		...texts.map(({ name, value }) => ({ name, value })),
		...numbers.map(({ name, value, exact }) => ({ name, value: exact === undefined ? value : rawJson(`${exact}`) })),
	];
	if (histograms.length > 0) stats.push({ histograms: describeAsJson(histograms, query.histograms ?? "summary") });
	return JSON.stringify({ stats });
}

function describeAsJson(histograms: Selected["histograms"], view: HistogramView): unknown {
	switch (view) {
		case "summary":
			return {
				supported_quantiles: quantiles.map(percent),
				computed_quantiles: histograms.map(({ name, histogram }) => ({ name, values: quantileValues(histogram) })),
			};
		case "detailed":
			return {
				supported_percentiles: quantiles.map(percent),
				details: histograms.map(({ name, histogram }) => ({
					name,
					totals: binValues(histogram.flushedBins()),
					intervals: binValues(histogram.intervalBins()),
					percentiles: quantileValues(histogram),
				})),
			};
		default:
			return histograms.map(({ name, histogram }) => ({ name, buckets: bucketValues(histogram, view) }));
	}
}

function binValues(bins: readonly Bin[]): { lower_bound: number; width: number; count: number }[] {
	return bins.map(({ lower, width, count }) => ({ lower_bound: lower, width, count }));
}

interface Selected {
	readonly texts: readonly { name: string; value: string }[];
	readonly numbers: readonly { name: string; value: number; exact?: bigint | undefined }[];
	readonly histograms: readonly { name: string; histogram: Histogram }[];
}

function selectStats(registry: MetricsRegistry, query: StatsQuery): Selected {
	const type = query.type ?? "All";
	const wants = (kind: StatsType): boolean => type === "All" || type === kind;
	const numbers: { name: string; value: number; exact?: bigint | undefined; isUsed?: boolean }[] = [];
	if (wants("Counters")) numbers.push(...registry.counters());
	if (wants("Gauges")) numbers.push(...registry.gauges());
	const histograms = wants("Histograms")
		? registry.histograms().map((histogram) => ({ name: histogram.name, histogram }))
		: [];
	for (const metric of registry.labelled()) {
		const wanted = metric.type === "histogram" ? "Histograms" : metric.type === "gauge" ? "Gauges" : "Counters";
		if (!wants(wanted)) continue;
		for (const series of metric.series()) {
			const name = ["istiocustom", metric.name, ...series.labels.flat()].join(".");
			if ("histogram" in series) histograms.push({ name, histogram: series.histogram });
			else numbers.push({ name, value: series.value });
		}
	}
	return {
		texts: wants("TextReadouts")
			? registry.texts().filter(({ name, value }) => isSelected(name, value !== "", query))
			: [],
		numbers: byName(numbers.filter(({ name, value, isUsed }) => isSelected(name, isUsed ?? value !== 0, query))),
		histograms: byName(histograms.filter(({ name, histogram }) => isSelected(name, histogram.flushedCount > 0, query))),
	};
}

function byName<T extends { readonly name: string }>(items: T[]): T[] {
	return items.sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0));
}

function describe(histogram: Histogram, view: HistogramView): string {
	if (histogram.flushedCount === 0) return " No recorded values";
	switch (view) {
		case "summary":
			return ` ${summary(histogram)}`;
		case "detailed":
			return `\n  totals=${describeBins(histogram.flushedBins())}\n  intervals=${describeBins(histogram.intervalBins())}\n  summary=${summary(histogram)}`;
		default:
			return bucketValues(histogram, view)
				.map((bucket) => ` B${shortNumber(bucket.upper_bound)}(${bucket.interval},${bucket.cumulative})`)
				.join("");
	}
}

function summary(histogram: Histogram): string {
	const interval = computeQuantiles(histogram.intervalBins());
	const cumulative = computeQuantiles(histogram.flushedBins());
	return quantiles
		.map((quantile, index) => `P${percent(quantile)}(${number(interval[index]!)},${number(cumulative[index]!)})`)
		.join(" ");
}

function quantileValues(histogram: Histogram): { cumulative: number | null; interval: number | null }[] {
	const interval = computeQuantiles(histogram.intervalBins());
	const cumulative = computeQuantiles(histogram.flushedBins());
	// JSON has no NaN: null, as Envoy writes it.
	return quantiles.map((_, index) => ({
		cumulative: Number.isNaN(cumulative[index]!) ? null : cumulative[index]!,
		interval: Number.isNaN(interval[index]!) ? null : interval[index]!,
	}));
}

function bucketValues(
	histogram: Histogram,
	view: "cumulative" | "disjoint" | "detailed",
): { upper_bound: number; interval: number; cumulative: number }[] {
	const interval = computeBuckets(histogram.intervalBins(), histogram.buckets);
	const cumulative = computeBuckets(histogram.flushedBins(), histogram.buckets);
	const below = (counts: readonly number[], index: number): number => (index === 0 ? 0 : counts[index - 1]!);
	return histogram.buckets.map((bound, index) => ({
		upper_bound: bound,
		interval: interval[index]! - (view === "disjoint" ? below(interval, index) : 0),
		cumulative: cumulative[index]! - (view === "disjoint" ? below(cumulative, index) : 0),
	}));
}

function describeBins(bins: readonly Bin[]): string {
	return bins.map(({ lower, width, count }) => `${lower},${width}:${count}`).join(", ");
}

function percent(quantile: number): number {
	return Number((quantile * 100).toPrecision(6));
}

function number(value: number): string {
	return Number.isNaN(value) ? "nan" : String(value);
}

/** Six significant digits, as C's `%g`. */
function shortNumber(value: number): string {
	if (value < 1e6) return String(Number(value.toPrecision(6)));
	const [digits, exponent] = value.toExponential(5).split("e+") as [string, string];
	return `${Number(digits)}e+${exponent.padStart(2, "0")}`;
}
