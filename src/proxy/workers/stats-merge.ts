import type { Counter, Gauge, Histogram, MetricsRegistry, StatsScope } from "../../telemetry/index.ts";
import type { ClusterManager, HostStats } from "../cluster/index.ts";
import type { StatsDelta } from "./stats-delta.ts";

/** Adds what workers counted to the statistics of the process. */
export interface StatsMerge {
	apply(worker: number, delta: StatsDelta): void;
}

/** What main counts itself: configuration, discovery, health. Workers go through the same motions and would count it again. */
const ownedByMain =
	/^(cluster_manager|runtime|server\.(?!total_connections)|control_plane|main_thread|workers|http\.admin|listener\.admin|listener_manager\.(lds\.|total_listeners_warming)|cluster\..*\.(membership_\w+|max_host_weight|update_\w+|assignment_\w+|version|warming_state|outlier_detection\..*|health_check\..*|lb_subsets_(created|removed|active))$)/;

/** What every worker has alike: one of them speaks for all. */
const sameInAll = /^(listener_manager\.(?!listener_create_)|.*\.ssl_context_update_by_sds$)/;

/** What the old process of a hot restart says of itself alone. */
const notOfParents = /^(listener_manager\.|filesystem\.write_total_buffered|.*\.circuit_breakers\.)/;

interface Imported {
	readonly metric: Counter | Gauge | Histogram;
	readonly scope: StatsScope;
	/** The workers that have it. */
	readonly users: Set<number>;
}

export function createStatsMerge(
	registry: MetricsRegistry,
	clusters: ClusterManager,
	from: "workers" | "parent" = "workers",
): StatsMerge {
	const imported = new Map<string, Imported>();

	function find(kind: "counter" | "gauge" | "histogram", name: string, worker: number): Imported["metric"] | undefined {
		if (from === "parent" && notOfParents.test(name)) return undefined;
		if (ownedByMain.test(name) || (worker > 0 && sameInAll.test(name))) return undefined;
		let entry = imported.get(name);
		if (entry === undefined) {
			const dot = name.lastIndexOf(".");
			const scope = dot < 0 ? registry.root : registry.scope(name.slice(0, dot));
			entry = { metric: scope[kind](name.slice(dot + 1)), scope, users: new Set() };
			imported.set(name, entry);
		}
		entry.users.add(worker);
		return entry.metric;
	}

	function release(name: string, worker: number): void {
		const entry = imported.get(name);
		if (entry === undefined || !entry.users.delete(worker) || entry.users.size > 0) return;
		imported.delete(name);
		if (entry.scope !== registry.root) entry.scope.close();
	}

	// Main has a listener manager that never starts.
	if (from === "workers") registry.root.gauge("listener_manager.workers_started").value = 0;
	return {
		apply(worker, { counters, gauges, gone, histograms, hosts, drops }) {
			for (const [name, change] of counters) {
				const metric = find("counter", name, worker) as Counter | undefined;
				if (metric !== undefined) metric.value += change;
			}
			for (const [name, change] of gauges) {
				const metric = find("gauge", name, worker) as Gauge | undefined;
				if (metric !== undefined) metric.value += change;
			}
			for (const [name, values] of histograms) {
				const metric = find("histogram", name, worker) as Histogram | undefined;
				for (const [value, times] of values) metric?.recordTimes(value, times);
			}
			for (const name of gone) release(name, worker);
			for (const [cluster, address, changes] of hosts) {
				const host = clusters.get(cluster)?.hosts.find((one) => one.address === address);
				if (host === undefined) continue;
				for (const [key, change] of Object.entries(changes)) host.stats[key as keyof HostStats].value += change;
			}
			for (const [name, change] of drops) {
				const cluster = clusters.get(name);
				if (cluster !== undefined) cluster.overloadDrops.value += change;
			}
		},
	};
}
