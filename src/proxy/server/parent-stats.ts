import type { MetricsRegistry } from "../../telemetry/index.ts";
import type { ClusterManager } from "../cluster/index.ts";
import type { ServerStats } from "../stats/index.ts";
import { createStatsMerge, type StatsDelta } from "../workers/index.ts";

/** What the old process of a hot restart counts, added to what this one does: counters for good, gauges while it lives. */
export interface ParentStats {
	apply(read: { readonly delta: StatsDelta; readonly connections: number }): void;
	/** It is gone, and its gauges with it. */
	end(): void;
}

export function createParentStats(
	registry: MetricsRegistry,
	clusters: ClusterManager,
	serverStats: ServerStats,
): ParentStats {
	const merge = createStatsMerge(registry, clusters, "parent");
	const gauges = new Map<string, number>();
	return {
		apply({ connections, delta }) {
			for (const [name, change] of delta.gauges) gauges.set(name, (gauges.get(name) ?? 0) + change);
			// What the old process has no more, the new one may have.
			merge.apply(0, { ...delta, gone: [] });
			serverStats.parent_connections.value = connections;
		},
		end() {
			serverStats.parent_connections.value = 0;
			const back = [...gauges].map(([name, value]): [string, number] => [name, -value]);
			merge.apply(0, { counters: [], gauges: back, histograms: [], gone: [], hosts: [], drops: [] });
		},
	};
}
