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
	/** All statistics with dotted names, in the order of their names; the same array until one comes or goes. */
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
	/** Statistics that are counted and never shown, by name; none by default. */
	readonly hides?: (name: string) => boolean;
	/** Called for every value of a histogram; without it recording costs nothing more. */
	readonly onRecord?: (name: string, value: number) => void;
}

type Metric = Counter | Gauge | TextReadout | Histogram;

/** All metrics of one kind: how many scopes use each, and their order, made when it is asked for. */
class Shelf<M extends Metric> {
	readonly #metrics = new Map<string, M>();
	/** Scopes beyond the first that use a metric: most have one. */
	readonly #furtherUsers = new Map<M, number>();
	#sorted: readonly M[] | undefined;
	readonly #hides: ((name: string) => boolean) | undefined;

	constructor(hides: ((name: string) => boolean) | undefined) {
		this.#hides = hides;
	}

	get(name: string): M | undefined {
		return this.#metrics.get(name);
	}

	add(metric: M): void {
		this.#metrics.set(metric.name, metric);
		this.#sorted = undefined;
	}

	share(metric: M): void {
		this.#furtherUsers.set(metric, (this.#furtherUsers.get(metric) ?? 0) + 1);
	}

	release(metric: M): void {
		const further = this.#furtherUsers.get(metric);
		if (further !== undefined) {
			if (further > 1) this.#furtherUsers.set(metric, further - 1);
			else this.#furtherUsers.delete(metric);
			return;
		}
		this.#metrics.delete(metric.name);
		this.#sorted = undefined;
	}

	/** The same array until a metric comes or goes. */
	list(): readonly M[] {
		this.#sorted ??= [...this.#metrics.values()]
			.filter(({ name }) => this.#hides?.(name) !== true)
			.sort((left, right) => compareText(left.name, right.name));
		return this.#sorted;
	}
}

/** A gauge that knows whether it was set. */
class SettableGauge implements Gauge {
	readonly kind = "gauge";
	readonly name: string;
	isUsed = false;
	exact: bigint | undefined;
	current = 0;

	constructor(name: string) {
		this.name = name;
	}

	get value(): number {
		return this.current;
	}

	set value(value: number) {
		this.current = value;
		this.isUsed = true;
	}
}

/** A histogram that tells what it gets. */
class ObservedHistogram extends Histogram {
	readonly #onRecord: (name: string, value: number) => void;

	constructor(name: string, buckets: readonly number[], onRecord: (name: string, value: number) => void) {
		super(name, buckets);
		this.#onRecord = onRecord;
	}

	override record(value: number): void {
		super.record(value);
		this.#onRecord(this.name, value);
	}

	override recordTimes(value: number, times: number): void {
		for (let time = 0; time < times; time++) this.record(value);
	}
}

/** Creates an empty registry. */
export function createMetricsRegistry(options: MetricsRegistryOptions = {}): MetricsRegistry {
	const bucketRules = options.histogramBuckets ?? [];
	const shelves = {
		counter: new Shelf<Counter>(options.hides),
		gauge: new Shelf<Gauge>(options.hides),
		text: new Shelf<TextReadout>(options.hides),
		histogram: new Shelf<Histogram>(options.hides),
	};
	const labelled = new Set<LabelledMetric>();
	const make = {
		counter: (name: string): Counter => ({ kind: "counter", name, value: 0 }),
		gauge: (name: string): Gauge => new SettableGauge(name),
		text: (name: string): TextReadout => ({ kind: "text", name, value: "" }),
		histogram(name: string): Histogram {
			const buckets = bucketRules.find((rule) => rule.matches(name))?.buckets ?? defaultBuckets;
			const { onRecord } = options;
			return onRecord === undefined ? new Histogram(name, buckets) : new ObservedHistogram(name, buckets, onRecord);
		},
	};
	const acquire = <M extends Metric>(
		shelf: Shelf<M>,
		create: (name: string) => M,
		name: string,
		owned: Set<Metric>,
	): M => {
		let metric = shelf.get(name);
		if (metric === undefined) {
			metric = create(name);
			shelf.add(metric);
			owned.add(metric);
		} else if (!owned.has(metric)) {
			owned.add(metric);
			shelf.share(metric);
		}
		return metric;
	};
	const createScope = (prefix: string, parent: Set<StatsScope> | undefined): StatsScope => {
		const owned = new Set<Metric>();
		const children = new Set<StatsScope>();
		const self: StatsScope = {
			prefix,
			counter: (name) => acquire(shelves.counter, make.counter, prefix + name, owned),
			gauge: (name) => acquire(shelves.gauge, make.gauge, prefix + name, owned),
			text: (name) => acquire(shelves.text, make.text, prefix + name, owned),
			histogram: (name) => acquire(shelves.histogram, make.histogram, prefix + name, owned),
			scope(name) {
				const child = createScope(`${prefix}${sanitizeStatName(name)}.`, children);
				children.add(child);
				return child;
			},
			close() {
				for (const child of [...children]) child.close();
				parent?.delete(self);
				for (const metric of owned) (shelves[metric.kind] as Shelf<Metric>).release(metric);
				owned.clear();
			},
		};
		return self;
	};
	const root = createScope("", undefined);
	return {
		root,
		scope: root.scope,
		counters: () => shelves.counter.list(),
		gauges: () => shelves.gauge.list(),
		texts: () => shelves.text.list(),
		histograms: () => shelves.histogram.list(),
		labelled: () => [...labelled].sort((left, right) => compareText(left.name, right.name)),
		addLabelled(metric) {
			labelled.add(metric);
			return () => void labelled.delete(metric);
		},
		resetCounters() {
			for (const counter of shelves.counter.list()) counter.value = 0;
		},
		flushHistograms() {
			for (const histogram of shelves.histogram.list()) histogram.flush();
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
