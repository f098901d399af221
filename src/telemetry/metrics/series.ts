import { Histogram } from "./histogram.ts";
import type { Counter, Label } from "./metric.ts";
import { createSeriesVariants, type LabelChanges } from "./series-variants.ts";

/** A metric with labels of its own, outside Envoy's dotted names: what a scrape reads of it. */
export interface LabelledMetric {
	/** The Prometheus name, e.g. `istio_requests_total`. */
	readonly name: string;
	readonly type: "counter" | "gauge" | "histogram";
	/** One sentence for `# HELP`; empty for none. */
	readonly help: string;
	/** Its series, each with its value. */
	series(): readonly LabelledSeries[];
}

export type LabelledSeries =
	| { readonly labels: readonly Label[]; readonly value: number }
	| { readonly labels: readonly Label[]; readonly histogram: Histogram };

/** Metrics of one label set. Whoever keeps it must set `used` when it counts, and drop it when it is `expired`. */
export interface Series<C extends string, H extends string> {
	readonly labels: readonly Label[];
	readonly counters: Readonly<Record<C, Counter>>;
	readonly histograms: Readonly<Record<H, Histogram>>;
	/** Set by the hot path at every use; taken back by every sweep. */
	used: boolean;
	/** Set when a sweep removed it from the table: counts would be lost. */
	expired: boolean;
	/** Sweeps in a row that found it unused. */
	idleSweeps: number;
}

/** Options of {@link createSeriesTable}. */
export interface SeriesTableOptions<C extends string, H extends string> {
	/** Help texts by metric name, counters and histograms; the order is the order of a scrape. */
	readonly counters: Readonly<Record<C, string>>;
	readonly histograms: Readonly<Record<H, string>>;
	readonly labelNames: readonly string[];
	/** How many label sets are kept; further ones count into one series whose labels all say `overflow`. 10 000 by default. */
	readonly budget?: number;
	/** How many sweeps in a row may find a series unused before it goes. 10 by default. */
	readonly idleSweeps?: number;
	/** Counts every look-up that the budget refused. */
	readonly overflow: Counter;
}

/** Several metrics that share their label sets, with a bound on how many label sets there are. */
export interface SeriesTable<C extends string, H extends string> {
	/** The metrics, to be added to a registry. */
	readonly metrics: readonly LabelledMetric[];
	/** The number of label sets. */
	readonly size: number;
	/** The series of these label values, in the order of the label names. For cache misses: the hot path keeps the result. */
	series(labelValues: readonly string[]): Series<C, H>;
	/** The same, with other labels for some metrics; there are at most as many of them again. */
	variant(labelValues: readonly string[], changes: LabelChanges<C | H>): Series<C, H>;
	/** Removes what was not used for long; to be called from a timer. */
	sweep(): void;
}

/** The value of every label of the series that takes what exceeds the budget. */
export const overflowLabelValue = "overflow";

/** Creates an empty table. */
export function createSeriesTable<C extends string, H extends string>(
	options: SeriesTableOptions<C, H>,
): SeriesTable<C, H> {
	const budget = options.budget ?? 10_000;
	const idleSweeps = options.idleSweeps ?? 10;
	const counterNames = Object.keys(options.counters) as C[];
	const histogramNames = Object.keys(options.histograms) as H[];
	const table = new Map<string, Series<C, H>>();
	const overflowValues = options.labelNames.map(() => overflowLabelValue);
	let overflowSeries: Series<C, H> | undefined;

	const create = (values: readonly string[]): Series<C, H> => ({
		labels: options.labelNames.map((name, index): Label => [name, values[index] ?? ""]),
		counters: Object.fromEntries(
			counterNames.map((name): [C, Counter] => [name, { kind: "counter", name, value: 0 }]),
		) as Record<C, Counter>,
		histograms: Object.fromEntries(histogramNames.map((name): [H, Histogram] => [name, new Histogram(name)])) as Record<
			H,
			Histogram
		>,
		used: true,
		expired: false,
		idleSweeps: 0,
	});
	const all = (): Series<C, H>[] => [...table.values(), ...(overflowSeries === undefined ? [] : [overflowSeries])];
	const find = (labelValues: readonly string[]): Series<C, H> => {
		const key = labelValues.join("\u0000");
		const known = table.get(key);
		if (known !== undefined) return known;
		if (table.size >= budget) {
			options.overflow.value++;
			overflowSeries ??= create(overflowValues);
			return overflowSeries;
		}
		const series = create(labelValues);
		table.set(key, series);
		return series;
	};
	const variants = createSeriesVariants({
		counterNames,
		histogramNames,
		labelNames: options.labelNames,
		budget,
		idleSweeps,
		overflow: options.overflow,
		overflowValue: overflowLabelValue,
		standard: find,
	});
	const metrics: LabelledMetric[] = [
		...counterNames.map(
			(name): LabelledMetric => ({
				name,
				type: "counter",
				help: options.counters[name],
				series: () =>
					all()
						.filter((series) => series.counters[name].value > 0)
						.map(({ labels, counters }): LabelledSeries => ({ labels, value: counters[name].value }))
						.concat(variants.read(name)),
			}),
		),
		...histogramNames.map(
			(name): LabelledMetric => ({
				name,
				type: "histogram",
				help: options.histograms[name],
				series: () =>
					all()
						.filter((series) => series.histograms[name].count > 0)
						.map(({ labels, histograms }): LabelledSeries => ({ labels, histogram: histograms[name] }))
						.concat(variants.read(name)),
			}),
		),
	];
	return {
		metrics,
		get size() {
			return table.size;
		},
		series: find,
		variant: variants.find,
		sweep() {
			variants.sweep();
			for (const [key, series] of table) {
				series.idleSweeps = series.used ? 0 : series.idleSweeps + 1;
				series.used = false;
				if (series.idleSweeps < idleSweeps) continue;
				series.expired = true;
				table.delete(key);
			}
		},
	};
}
