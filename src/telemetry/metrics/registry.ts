import { defaultBuckets, Histogram } from "./histogram.ts";
import type { Counter, Gauge, TextReadout } from "./metric.ts";
import type { LabelledMetric } from "./series.ts";

/** Where statistics are made. Asking twice for a name gives the same object, from whichever scope. */
export interface StatsScope {
	/** What every name of this scope begins with, dot included; empty for the root. */
	readonly prefix: string;
	counter(name: string): Counter;
	gauge(name: string): Gauge;
	histogram(name: string): Histogram;
	text(name: string): TextReadout;
	/** A scope below this one: `name` is whole parts of the dotted name, without the final dot. It closes with this one or before. */
	scope(name: string): StatsScope;
	/** Gives up every statistic that this scope made; one that no other scope asked for disappears. */
	close(): void;
}

/** Every metric of a process, as the hot path changes them and as a scrape reads them. */
export interface MetricsRegistry {
	readonly root: StatsScope;
	/** A scope at the root, e.g. `cluster.backend`. */
	scope(name: string): StatsScope;
	/** All statistics with dotted names, in the order of their names. */
	counters(): readonly Counter[];
	gauges(): readonly Gauge[];
	texts(): readonly TextReadout[];
	histograms(): readonly Histogram[];
	/** Metrics with labels and names of their own (`istio_requests_total`), in the order of their names. */
	labelled(): readonly LabelledMetric[];
	/** Adds a metric with labels to what a scrape shows; the returned function takes it away. */
	addLabelled(metric: LabelledMetric): () => void;
	/** Sets every counter to 0 (`POST /reset_counters`). */
	resetCounters(): void;
	/** Ends the interval of all histograms; to be called every stats_flush_interval. */
	flushHistograms(): void;
}

/** Options of {@link createMetricsRegistry}. */
export interface MetricsRegistryOptions {
	/** Bucket bounds by histogram name, first match wins; Envoy's default buckets otherwise. */
	readonly histogramBuckets?: readonly {
		readonly matches: (name: string) => boolean;
		readonly buckets: readonly number[];
	}[];
}

type Metric = Counter | Gauge | TextReadout | Histogram;

interface Entry {
	readonly metric: Metric;
	users: number;
}

/** Creates an empty registry. */
export function createMetricsRegistry(options: MetricsRegistryOptions = {}): MetricsRegistry {
	const bucketRules = options.histogramBuckets ?? [];
	const entries = {
		counter: new Map<string, Entry>(),
		gauge: new Map<string, Entry>(),
		text: new Map<string, Entry>(),
		histogram: new Map<string, Entry>(),
	};
	const labelled = new Set<LabelledMetric>();
	const make = (kind: Metric["kind"], name: string): Metric => {
		switch (kind) {
			case "counter":
				return { kind, name, value: 0 };
			case "gauge":
				return { kind, name, value: 0 };
			case "text":
				return { kind, name, value: "" };
			case "histogram":
				return new Histogram(name, bucketRules.find((rule) => rule.matches(name))?.buckets ?? defaultBuckets);
		}
	};
	const acquire = (kind: Metric["kind"], name: string, owned: Map<string, Entry>): Metric => {
		const ownedKey = `${kind} ${name}`;
		const mine = owned.get(ownedKey);
		if (mine !== undefined) return mine.metric;
		let entry = entries[kind].get(name);
		if (entry === undefined) {
			entry = { metric: make(kind, name), users: 0 };
			entries[kind].set(name, entry);
		}
		entry.users++;
		owned.set(ownedKey, entry);
		return entry.metric;
	};
	const createScope = (prefix: string, parent: Set<StatsScope> | undefined): StatsScope => {
		const owned = new Map<string, Entry>();
		const children = new Set<StatsScope>();
		const self: StatsScope = {
			prefix,
			counter: (name) => acquire("counter", prefix + name, owned) as Counter,
			gauge: (name) => acquire("gauge", prefix + name, owned) as Gauge,
			text: (name) => acquire("text", prefix + name, owned) as TextReadout,
			histogram: (name) => acquire("histogram", prefix + name, owned) as Histogram,
			scope(name) {
				const child = createScope(`${prefix}${sanitizeStatName(name)}.`, children);
				children.add(child);
				return child;
			},
			close() {
				for (const child of [...children]) child.close();
				parent?.delete(self);
				for (const entry of owned.values()) {
					if (--entry.users === 0) entries[entry.metric.kind].delete(entry.metric.name);
				}
				owned.clear();
			},
		};
		return self;
	};
	const list = (kind: Metric["kind"]): Metric[] =>
		[...entries[kind].values()].map((entry) => entry.metric).sort((left, right) => compareText(left.name, right.name));
	const root = createScope("", undefined);
	return {
		root,
		scope: root.scope,
		counters: () => list("counter") as Counter[],
		gauges: () => list("gauge") as Gauge[],
		texts: () => list("text") as TextReadout[],
		histograms: () => list("histogram") as Histogram[],
		labelled: () => [...labelled].sort((left, right) => compareText(left.name, right.name)),
		addLabelled(metric) {
			labelled.add(metric);
			return () => void labelled.delete(metric);
		},
		resetCounters() {
			for (const { metric } of entries.counter.values()) (metric as Counter).value = 0;
		},
		flushHistograms() {
			for (const { metric } of entries.histogram.values()) (metric as Histogram).flush();
		},
	};
}

/** A name as it may stand in a dotted name: `:` and `://` become `_`. */
export function sanitizeStatName(name: string): string {
	return /[:\0]/.test(name) ? name.replace(/:\/\/|:\/|[:\0]/g, "_") : name;
}

function compareText(left: string, right: string): number {
	return left < right ? -1 : left > right ? 1 : 0;
}
