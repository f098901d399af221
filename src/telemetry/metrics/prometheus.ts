import { computeBuckets, computeSum, type Histogram } from "./histogram.ts";
import type { Label } from "./metric.ts";
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

/** Renders the Prometheus text format as Envoy's `/stats/prometheus` does: counters, gauges, histograms, each group by name under
 *  one `# TYPE` line; metrics with labels of their own follow. */
export interface PrometheusFormatter {
	format(registry: MetricsRegistry, selection?: StatsSelection): string;
}

/** `group` is the dotted name without tags, which series of one `# TYPE` line share and by which the lines are sorted. */
interface Identity {
	readonly group: string;
	readonly labels: string;
}

interface Line {
	readonly labels: string;
	readonly value: string;
}

/** Creates a formatter that takes each dotted name apart once and remembers the result while the name is there. */
export function createPrometheusFormatter(tagsOf: (statName: string) => TaggedName): PrometheusFormatter {
	let known = new Map<string, Identity>();
	return {
		format(registry, selection = {}) {
			const seen: typeof known = new Map();
			const identify = (name: string): Identity => {
				let identity = known.get(name) ?? seen.get(name);
				if (identity === undefined) {
					const tagged = tagsOf(name);
					identity = { group: tagged.name, labels: formatLabels(tagged.tags) };
				}
				seen.set(name, identity);
				return identity;
			};
			const out: string[] = [];
			const writeNumbers = (type: "counter" | "gauge", metrics: readonly { name: string; value: number }[]): void => {
				const groups = new Map<string, Line[]>();
				for (const metric of metrics) {
					const { group, labels } = identify(metric.name);
					if (!isSelected(metric.name, metric.value !== 0, selection)) continue;
					addTo(groups, group, { labels, value: formatValue(metric.value) });
				}
				for (const [group, lines] of sorted(groups)) {
					const family = familyOf(group);
					out.push(`# TYPE ${family} ${type}\n`);
					for (const line of lines) out.push(`${family}{${line.labels}} ${line.value}\n`);
				}
			};
			writeNumbers("counter", registry.counters());
			writeNumbers("gauge", registry.gauges());
			const groups = new Map<string, { labels: string; histogram: Histogram }[]>();
			for (const histogram of registry.histograms()) {
				const { group, labels } = identify(histogram.name);
				// As Envoy: a histogram that was never used is not shown.
				if (!isSelected(histogram.name, histogram.count > 0, { ...selection, usedOnly: true })) continue;
				addTo(groups, group, { labels, histogram });
			}
			for (const [group, members] of sorted(groups)) {
				const family = familyOf(group);
				out.push(`# TYPE ${family} histogram\n`);
				for (const { labels, histogram } of members) out.push(formatHistogram(family, labels, histogram));
			}
			for (const metric of registry.labelled()) out.push(formatLabelled(metric, selection));
			known = seen;
			return out.join("");
		},
	};
}

/** The Prometheus text of metrics with labels only, for processes without dotted names. */
export function formatLabelledMetrics(metrics: readonly LabelledMetric[]): string {
	return metrics.map((metric) => formatLabelled(metric, {})).join("");
}

/** Whether a statistic is wanted by a scrape. */
export function isSelected(name: string, used: boolean, selection: StatsSelection): boolean {
	if (selection.usedOnly === true && !used) return false;
	return selection.filter === undefined || selection.filter.test(name) !== (selection.invertFilter === true);
}

function formatLabelled(metric: LabelledMetric, selection: StatsSelection): string {
	if (!isSelected(metric.name, true, selection)) return "";
	const series = metric.series();
	if (series.length === 0) return "";
	const help =
		metric.help === "" ? "" : `# HELP ${metric.name} ${metric.help.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}\n`;
	const lines = series.map((one) => {
		const labels = formatLabels(one.labels);
		return "histogram" in one
			? formatHistogram(metric.name, labels, one.histogram)
			: `${metric.name}{${labels}} ${formatValue(one.value)}\n`;
	});
	return `${help}# TYPE ${metric.name} ${metric.type}\n${lines.join("")}`;
}

function formatHistogram(family: string, labels: string, histogram: Histogram): string {
	const bins = histogram.bins();
	const counts = computeBuckets(bins, histogram.buckets);
	const comma = labels === "" ? "" : ",";
	let text = "";
	for (let index = 0; index < counts.length; index++) {
		text += `${family}_bucket{${labels}${comma}le="${histogram.buckets[index]}"} ${counts[index]}\n`;
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
	return Number.isFinite(value) ? String(value) : Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}

function addTo<T>(groups: Map<string, T[]>, key: string, item: T): void {
	const group = groups.get(key);
	if (group === undefined) groups.set(key, [item]);
	else group.push(item);
}

function sorted<T>(groups: Map<string, T>): [string, T][] {
	return [...groups].sort(([left], [right]) => (left < right ? -1 : 1));
}
