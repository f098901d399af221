import { Histogram } from "./histogram.ts";
import type { Counter, Label } from "./metric.ts";
import type { LabelledSeries, Series } from "./series.ts";

/** Labels in place of those of the table, by metric; undefined for a metric that is not counted. Others keep theirs. */
export type LabelChanges<M extends string> = ReadonlyMap<M, readonly Label[] | undefined>;

/** Series some of whose metrics have other labels than their table gives them. */
export interface SeriesVariants<C extends string, H extends string> {
	/** What a scrape reads of a metric beside the table's own series. */
	read(metric: C | H): LabelledSeries[];
	/** The series of these values and changes. */
	find(labelValues: readonly string[], changes: LabelChanges<C | H>): Series<C, H>;
	/** Removes what was not used for long; before the table is swept, whose series it keeps alive. */
	sweep(): void;
}

/** Options of {@link createSeriesVariants}. */
export interface SeriesVariantsOptions<C extends string, H extends string> {
	readonly counterNames: readonly C[];
	readonly histogramNames: readonly H[];
	readonly labelNames: readonly string[];
	readonly budget: number;
	readonly idleSweeps: number;
	readonly overflow: Counter;
	readonly overflowValue: string;
	/** The table's own series of label values. */
	readonly standard: (labelValues: readonly string[]) => Series<C, H>;
}

/** One metric of one label set that the table does not have. */
interface Cell {
	readonly labels: readonly Label[];
	readonly counter: Counter;
	readonly histogram: Histogram;
	/** How many variants count into it. */
	holders: number;
}

interface Variant<C extends string, H extends string> {
	readonly series: Series<C, H>;
	readonly standard: readonly Series<C, H>[];
	readonly cells: readonly { readonly metric: C | H; readonly key: string; readonly cell: Cell }[];
}

/** Creates none yet. Variants that agree in the labels of a metric count it into one series. */
export function createSeriesVariants<C extends string, H extends string>(
	options: SeriesVariantsOptions<C, H>,
): SeriesVariants<C, H> {
	const { counterNames, histogramNames, labelNames, budget, idleSweeps, overflow, overflowValue, standard } = options;
	const variants = new Map<string, Variant<C, H>>();
	const overflowing = new Map<string, Variant<C, H>>();
	const cells = new Map<C | H, Map<string, Cell>>();
	const isStandard = (labels: readonly Label[]): boolean =>
		labels.length === labelNames.length && labels.every(([name], index) => name === labelNames[index]);

	const findCell = (metric: C | H, key: string, labels: readonly Label[]): Cell => {
		let ofMetric = cells.get(metric);
		if (ofMetric === undefined) {
			ofMetric = new Map();
			cells.set(metric, ofMetric);
		}
		let cell = ofMetric.get(key);
		if (cell === undefined) {
			const counter: Counter = { kind: "counter", name: metric, value: 0 };
			cell = { labels, counter, histogram: new Histogram(metric), holders: 0 };
			ofMetric.set(key, cell);
		}
		cell.holders++;
		return cell;
	};
	const create = (values: readonly string[], changes: LabelChanges<C | H>): Variant<C, H> => {
		const base = standard(values);
		const held = new Set([base]);
		const used: { metric: C | H; key: string; cell: Cell }[] = [];
		const place = <T>(
			metric: C | H,
			ofSeries: (series: Series<C, H>) => T,
			ofCell: (cell: Cell) => T,
			none: () => T,
		) => {
			if (!changes.has(metric)) return ofSeries(base);
			const labels = changes.get(metric);
			if (labels === undefined) return none();
			if (isStandard(labels)) {
				const series = standard(labels.map(([, value]) => value));
				held.add(series);
				return ofSeries(series);
			}
			const key = keyOf(labels);
			const cell = findCell(metric, key, labels);
			used.push({ metric, key, cell });
			return ofCell(cell);
		};
		const counters = counterNames.map((name): [C, Counter] => [
			name,
			place<Counter>(
				name,
				(series) => series.counters[name],
				(cell) => cell.counter,
				() => ({ kind: "counter", name, value: 0 }),
			),
		]);
		const histograms = histogramNames.map((name): [H, Histogram] => [
			name,
			place<Histogram>(
				name,
				(series) => series.histograms[name],
				(cell) => cell.histogram,
				() => new Histogram(name),
			),
		]);
		const series: Series<C, H> = {
			labels: base.labels,
			counters: Object.fromEntries(counters) as Record<C, Counter>,
			histograms: Object.fromEntries(histograms) as Record<H, Histogram>,
			used: true,
			expired: false,
			idleSweeps: 0,
		};
		return { series, standard: [...held], cells: used };
	};
	const overflowVariant = (changes: LabelChanges<C | H>): Variant<C, H> => {
		const all = new Map(
			[...changes].map(([metric, labels]) => [metric, labels?.map(([name]): Label => [name, overflowValue])] as const),
		);
		return remember(
			overflowing,
			labelNames.map(() => overflowValue),
			all,
		);
	};
	const remember = (
		map: Map<string, Variant<C, H>>,
		values: readonly string[],
		changes: LabelChanges<C | H>,
	): Variant<C, H> => {
		const key = variantKey(values, changes);
		const known = map.get(key);
		if (known !== undefined) return known;
		if (map === variants && map.size >= budget) {
			overflow.value++;
			return overflowVariant(changes);
		}
		const variant = create(values, changes);
		map.set(key, variant);
		return variant;
	};
	return {
		read: (metric) =>
			[...(cells.get(metric)?.values() ?? [])].flatMap(({ labels, counter, histogram }): LabelledSeries[] => {
				if (counter.value > 0) return [{ labels, value: counter.value }];
				return histogram.count > 0 ? [{ labels, histogram }] : [];
			}),
		find: (values, changes) => remember(variants, values, changes).series,
		sweep() {
			for (const [key, { series, standard: held, cells: used }] of variants) {
				if (series.used) for (const one of held) one.used = true;
				series.idleSweeps = series.used ? 0 : series.idleSweeps + 1;
				series.used = false;
				if (series.idleSweeps < idleSweeps) continue;
				series.expired = true;
				variants.delete(key);
				for (const { metric, key: cellKey, cell } of used) if (--cell.holders === 0) cells.get(metric)?.delete(cellKey);
			}
		},
	};
}

function keyOf(labels: readonly Label[]): string {
	return labels.map(([name, value]) => `${name}\u0001${value}`).join("\u0000");
}

function variantKey(values: readonly string[], changes: LabelChanges<string>): string {
	const changed = [...changes].map(
		([metric, labels]) => `${metric}\u0003${labels === undefined ? "\u0004" : keyOf(labels)}`,
	);
	return [values.join("\u0000"), ...changed].join("\u0002");
}
