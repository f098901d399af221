import type { Histogram, MetricsRegistry } from "../../telemetry/index.ts";
import type { ClusterManager, HostStats } from "../cluster/index.ts";

/** What a worker counted since it was asked last. */
export interface StatsDelta {
	/** Changes of counters. */
	readonly counters: readonly (readonly [name: string, change: number])[];
	/** Changes of gauges. */
	readonly gauges: readonly (readonly [name: string, change: number])[];
	/** New values of histograms: the lower bound of their bin, and how many. */
	readonly histograms: readonly (readonly [
		name: string,
		values: readonly (readonly [value: number, times: number])[],
	])[];
	/** Statistics that exist no more. */
	readonly gone: readonly string[];
	/** Changes of the counts of hosts. */
	readonly hosts: readonly (readonly [
		cluster: string,
		host: string,
		changes: Readonly<Partial<Record<keyof HostStats, number>>>,
	])[];
	/** Further requests that assignments had refused, by cluster. */
	readonly drops: readonly (readonly [cluster: string, change: number])[];
}

/** Tells what changed from one call to the next. */
export interface StatsReporter {
	collect(): StatsDelta;
}

export function createStatsReporter(registry: MetricsRegistry, clusters: ClusterManager): StatsReporter {
	let numbers = new Map<string, number>();
	let bins = new Map<string, ReadonlyMap<number, number>>();
	const dropCounts = new WeakMap<object, number>();
	const hostCounts = new WeakMap<object, Partial<Record<keyof HostStats, number>>>();

	function diffNumbers(
		list: readonly { readonly name: string; readonly value: number }[],
		kind: string,
		next: Map<string, number>,
	): [string, number][] {
		const changes: [string, number][] = [];
		for (const { name, value } of list) {
			const before = numbers.get(kind + name);
			next.set(kind + name, value);
			// A new one is told though it is zero: it is to be shown.
			if (before === undefined || before !== value) changes.push([name, value - (before ?? 0)]);
		}
		return changes;
	}

	function diffHistogram(
		histogram: Histogram,
		next: Map<string, ReadonlyMap<number, number>>,
	): [number, number][] | undefined {
		const before = bins.get(histogram.name);
		const now = new Map(histogram.bins().map(({ lower, count }) => [lower, count]));
		next.set(histogram.name, now);
		const values: [number, number][] = [];
		for (const [lower, count] of now) {
			const change = count - (before?.get(lower) ?? 0);
			if (change > 0) values.push([lower, change]);
		}
		return before === undefined || values.length > 0 ? values : undefined;
	}

	function diffHosts(): [string, string, Partial<Record<keyof HostStats, number>>][] {
		const changes: [string, string, Partial<Record<keyof HostStats, number>>][] = [];
		for (const cluster of clusters.clusters()) {
			for (const host of cluster.hosts) {
				const before = hostCounts.get(host) ?? {};
				const change: Partial<Record<keyof HostStats, number>> = {};
				const now: Partial<Record<keyof HostStats, number>> = {};
				let isChanged = false;
				for (const [key, { value }] of Object.entries(host.stats) as [keyof HostStats, { value: number }][]) {
					now[key] = value;
					const by = value - (before[key] ?? 0);
					if (by === 0) continue;
					change[key] = by;
					isChanged = true;
				}
				hostCounts.set(host, now);
				if (isChanged) changes.push([cluster.name, host.address, change]);
			}
		}
		return changes;
	}

	function diffDrops(): [string, number][] {
		return clusters.clusters().flatMap((cluster): [string, number][] => {
			const { value } = cluster.overloadDrops;
			const change = value - (dropCounts.get(cluster) ?? 0);
			dropCounts.set(cluster, value);
			return change === 0 ? [] : [[cluster.name, change]];
		});
	}

	return {
		collect() {
			const next = new Map<string, number>();
			const counters = diffNumbers(registry.counters(), "c", next);
			const gauges = diffNumbers(registry.gauges(), "g", next);
			const nextBins = new Map<string, ReadonlyMap<number, number>>();
			const histograms = registry.histograms().flatMap((histogram): [string, [number, number][]][] => {
				const values = diffHistogram(histogram, nextBins);
				return values === undefined ? [] : [[histogram.name, values]];
			});
			const gone = [...numbers.keys()].filter((key) => !next.has(key)).map((key) => key.slice(1));
			for (const name of bins.keys()) if (!nextBins.has(name)) gone.push(name);
			numbers = next;
			bins = nextBins;
			return { counters, gauges, histograms, gone, hosts: diffHosts(), drops: diffDrops() };
		},
	};
}
