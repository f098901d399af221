import { type Bin, computeBuckets, computeQuantiles, computeSum, type Histogram, quantiles } from "./histogram.ts";
import type { Counter, Gauge, Label, TextReadout } from "./metric.ts";
import type { MetricsRegistry } from "./registry.ts";
import type { LabelledMetric } from "./series.ts";
import type { TaggedName } from "./tag-extraction.ts";

/** What a scrape leaves out. */
export interface StatsSelection {
	/** Only names in which this is found. */
	readonly filter?: RegExp;
	/** Turns the filter round. */
	readonly invertFilter?: boolean;
	/** Only statistics that were used. */
	readonly usedOnly?: boolean;
}

/** A selection, and what Prometheus gets of it. */
export interface PrometheusSelection extends StatsSelection {
	/** Histograms as quantiles instead of buckets. */
	readonly summaries?: boolean;
	/** Texts as gauges of value 0 with the text as a label. */
	readonly textReadouts?: boolean;
}

/** Renders the Prometheus text format as Envoy's `/stats/prometheus` does: counters, gauges, histograms, each group by name under
 *  one `# TYPE` line; metrics with labels of their own follow. */
export interface PrometheusFormatter {
	/** The text in pieces of bounded work, empty ones among them: whoever writes it can let others run in between. */
	pieces(registry: MetricsRegistry, selection?: PrometheusSelection): Iterable<string>;
	/** The whole text at once. */
	format(registry: MetricsRegistry, selection?: PrometheusSelection): string;
}

/** One metric with its labels as text. */
interface Member<M> {
	readonly metric: M;
	readonly labels: string;
}

/** The metrics under one `# TYPE` line. `group` is their dotted name without tags, by which the lines are sorted. */
interface Family<M> {
	readonly group: string;
	readonly members: Member<M>[];
}

/** Families made of a list; good as long as the registry gives the same list. */
interface Grouping<M> {
	readonly list: readonly M[];
	readonly families: readonly Family<M>[];
}

/** Metrics handled in one piece. */
const pieceSize = 500;

/** Creates a formatter that takes dotted names apart once and keeps the result while they are there. */
export function createPrometheusFormatter(tagsOf: (statName: string) => TaggedName): PrometheusFormatter {
	const counters = new Grouper<Counter>(tagsOf);
	const gauges = new Grouper<Gauge>(tagsOf);
	const histograms = new Grouper<Histogram>(tagsOf);
	const texts = new Grouper<TextReadout>(tagsOf);
	function* pieces(registry: MetricsRegistry, selection: PrometheusSelection = {}): Generator<string> {
		yield* formatNumbers("counter", yield* counters.group(registry.counters()), selection);
		yield* formatNumbers("gauge", yield* gauges.group(registry.gauges()), selection);
		if (selection.textReadouts === true) yield* formatTexts(yield* texts.group(registry.texts()), selection);
		yield* formatHistograms(yield* histograms.group(registry.histograms()), selection);
		for (const metric of registry.labelled()) yield* formatLabelled(metric, selection);
	}
	return {
		pieces,
		format: (registry, selection) => [...pieces(registry, selection)].join(""),
	};
}

/** Groups the metrics of one kind, again only when there are others. */
class Grouper<M extends { readonly name: string }> {
	readonly #tagsOf: (statName: string) => TaggedName;
	#known: Grouping<M> = { list: [], families: [] };

	constructor(tagsOf: (statName: string) => TaggedName) {
		this.#tagsOf = tagsOf;
	}

	*group(list: readonly M[]): Generator<string, readonly Family<M>[]> {
		if (list === this.#known.list) return this.#known.families;
		const families = new Map<string, Family<M>>();
		// Equal texts are kept once: every cluster's hundred statistics have the same labels.
		const texts = new Map<string, string>();
		const intern = (text: string): string => {
			const known = texts.get(text);
			if (known !== undefined) return known;
			texts.set(text, text);
			return text;
		};
		for (let index = 0; index < list.length; index++) {
			if (index % pieceSize === pieceSize - 1) yield "";
			const metric = list[index]!;
			const tagged = this.#tagsOf(metric.name);
			let family = families.get(tagged.name);
			if (family === undefined) {
				family = { group: intern(tagged.name), members: [] };
				families.set(family.group, family);
			}
			family.members.push({ metric, labels: intern(formatLabels(tagged.tags)) });
		}
		const sorted = [...families.values()].sort((left, right) => (left.group < right.group ? -1 : 1));
		this.#known = { list, families: sorted };
		return sorted;
	}
}

function* formatNumbers(
	type: "counter" | "gauge",
	families: readonly Family<Counter | Gauge>[],
	selection: StatsSelection,
): Generator<string> {
	for (const { group, members } of families) {
		const family = familyOf(group);
		let text = "";
		let hasType = false;
		for (let index = 0; index < members.length; index++) {
			const { metric, labels } = members[index]!;
			if (index % pieceSize === pieceSize - 1) {
				yield text;
				text = "";
			}
			const isUsed = metric.kind === "gauge" ? metric.isUsed : metric.value !== 0;
			if (!isSelected(metric.name, isUsed, selection)) continue;
			if (!hasType) text += `# TYPE ${family} ${type}\n`;
			hasType = true;
			const exact = metric.kind === "gauge" ? metric.exact : undefined;
			text += `${family}{${labels}} ${exact ?? formatValue(metric.value)}\n`;
		}
		yield text;
	}
}

function* formatTexts(families: readonly Family<TextReadout>[], selection: StatsSelection): Generator<string> {
	for (const { group, members } of families) {
		const family = familyOf(group);
		let text = "";
		for (const { metric, labels } of members) {
			if (!isSelected(metric.name, metric.value !== "", selection)) continue;
			if (text === "") text = `# TYPE ${family} gauge\n`;
			const label = `text_value="${escapeLabelValue(metric.value)}"`;
			text += `${family}{${labels === "" ? label : `${labels},${label}`}} 0\n`;
		}
		yield text;
	}
}

function* formatHistograms(families: readonly Family<Histogram>[], selection: PrometheusSelection): Generator<string> {
	for (const { group, members } of families) {
		const family = familyOf(group);
		let hasType = false;
		for (const { metric, labels } of members) {
			if (!isSelected(metric.name, metric.flushedCount > 0, selection)) continue;
			if (!hasType) yield `# TYPE ${family} ${selection.summaries === true ? "summary" : "histogram"}\n`;
			hasType = true;
			const { buckets } = metric;
			yield selection.summaries === true
				? formatSummary(family, labels, metric)
				: formatHistogram(family, labels, { buckets, bins: metric.flushedBins(), count: metric.flushedCount });
		}
		yield "";
	}
}

/** The Prometheus text of metrics with labels only, for processes without dotted names. */
export function formatLabelledMetrics(metrics: readonly LabelledMetric[]): string {
	return metrics.flatMap((metric) => [...formatLabelled(metric, {})]).join("");
}

/** Whether a statistic is wanted by a scrape. */
export function isSelected(name: string, used: boolean, selection: StatsSelection): boolean {
	if (selection.usedOnly === true && !used) return false;
	return selection.filter === undefined || selection.filter.test(name) !== (selection.invertFilter === true);
}

function* formatLabelled(metric: LabelledMetric, selection: StatsSelection): Generator<string> {
	if (!isSelected(metric.name, true, selection)) return;
	const series = metric.series();
	if (series.length === 0) return;
	const help = metric.help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n");
	yield `${help === "" ? "" : `# HELP ${metric.name} ${help}\n`}# TYPE ${metric.name} ${metric.type}\n`;
	for (const one of series) {
		const labels = formatLabels(one.labels);
		yield "histogram" in one
			? formatHistogram(metric.name, labels, {
					buckets: one.histogram.buckets,
					bins: one.histogram.bins(),
					count: one.histogram.count,
				})
			: `${metric.name}{${labels}} ${formatValue(one.value)}\n`;
	}
}

function formatSummary(family: string, labels: string, histogram: Histogram): string {
	const bins = histogram.flushedBins();
	const comma = labels === "" ? "" : ",";
	const lines = computeQuantiles(bins).map(
		(value, index) => `${family}{${labels}${comma}quantile="${quantiles[index]}"} ${formatValue(value)}\n`,
	);
	const sum = formatValue(computeSum(bins));
	return `${lines.join("")}${family}_sum{${labels}} ${sum}\n${family}_count{${labels}} ${histogram.flushedCount}\n`;
}

/** A histogram at one moment. */
interface HistogramFacts {
	readonly buckets: readonly number[];
	readonly bins: readonly Bin[];
	readonly count: number;
}

function formatHistogram(family: string, labels: string, histogram: HistogramFacts): string {
	const { bins } = histogram;
	const counts = computeBuckets(bins, histogram.buckets);
	const comma = labels === "" ? "" : ",";
	let text = "";
	for (let index = 0; index < counts.length; index++) {
		text += `${family}_bucket{${labels}${comma}le="${formatValue(histogram.buckets[index]!)}"} ${counts[index]}\n`;
	}
	return (
		`${text}${family}_bucket{${labels}${comma}le="+Inf"} ${histogram.count}\n` +
		`${family}_sum{${labels}} ${formatValue(computeSum(bins))}\n${family}_count{${labels}} ${histogram.count}\n`
	);
}

function formatLabels(labels: readonly Label[]): string {
	return labels.map(([name, value]) => `${sanitizeLabelName(name)}="${escapeLabelValue(value)}"`).join(",");
}

function familyOf(group: string): string {
	return `envoy_${group.replace(/[^a-zA-Z0-9_]/g, "_")}`;
}

function sanitizeLabelName(name: string): string {
	return name.replace(/[^a-zA-Z0-9_]/g, "_").replace(/^(?=\d)/, "_");
}

function escapeLabelValue(value: string): string {
	return /[\\"\n]/.test(value) ? value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n") : value;
}

function formatValue(value: number): string {
	if (Number.isInteger(value)) return String(value);
	if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "+Inf" : "-Inf";
	// With all digits that a double has, as Envoy writes them.
	return value.toPrecision(32).replace(/\.?0+$/, "");
}
