import type { AssignmentTarget, ClusterTarget, PreparedCluster } from "../config-source/index.ts";
import type { AssignmentConfig, ClusterConfig, EndpointConfig } from "../runtime-config/index.ts";
import { createClusterManagerStats } from "../stats/index.ts";
import type { Cluster } from "./cluster.ts";
import type { ClusterDeps } from "./cluster-core.ts";
import { createCluster } from "./create-cluster.ts";
import { EndpointCluster } from "./endpoint-cluster.ts";

/** The clusters in service by name. Replaced and removed ones are closed after their listeners were told; whoever has requests
 *  on their hosts finishes these. */
export interface ClusterManager extends ClusterTarget, AssignmentTarget {
	get(name: string): Cluster | undefined;
	/** In a worker: what the leader decided about a cluster's hosts. */
	follow(name: string, flags: readonly (readonly [address: string, flags: number])[], gone: readonly string[]): void;
	/** In a worker: another address of the only host. */
	readdress(name: string, endpoint: EndpointConfig): void;
	/** In the order of their names. */
	clusters(): readonly Cluster[];
	/** Calls back for each cluster that begins to serve. */
	onActivated(listener: (cluster: Cluster) => void): () => void;
	/** Calls back for each cluster that gets no more requests: its idle connections can go. */
	onRetired(listener: (cluster: Cluster) => void): () => void;
	close(): void;
}

/** Creates a manager without clusters. */
export function createClusterManager(deps: ClusterDeps): ClusterManager {
	const stats = createClusterManagerStats(deps.stats.scope("cluster_manager"));
	const active = new Map<string, Cluster>();
	/** Prepared and neither activated nor discarded; whoever prepared them does one of these. */
	const warming = new Set<Cluster>();
	const activated = new Set<(cluster: Cluster) => void>();
	const retired = new Set<(cluster: Cluster) => void>();
	let isClosed = false;

	const showCounts = (): void => {
		stats.active_clusters.value = active.size;
		stats.warming_clusters.value = warming.size;
	};
	const retire = (cluster: Cluster): void => {
		for (const listener of retired) listener(cluster);
		cluster.close();
	};

	function prepareCluster(config: ClusterConfig, assignment: AssignmentConfig | undefined): PreparedCluster {
		const cluster = createCluster(config, deps, (name) => active.get(name));
		if (config.discovery.kind === "eds") cluster.updateAssignment(assignment ?? emptyAssignment(config));
		warming.add(cluster);
		cluster.stats.warming_state.value = 1;
		showCounts();
		const leave = (): void => {
			warming.delete(cluster);
			cluster.stats.warming_state.value = 0;
		};
		return {
			onWarm: (callback) => cluster.onWarm(callback),
			activate() {
				if (isClosed || active.get(config.name) === cluster) return;
				leave();
				const before = active.get(config.name);
				cluster.onHostsChanged(() => {
					if (active.get(config.name) === cluster) stats.cluster_updated.value++;
				});
				active.set(config.name, cluster);
				showCounts();
				for (const listener of activated) listener(cluster);
				if (before !== undefined) retire(before);
			},
			discard() {
				if (active.get(config.name) === cluster) return;
				leave();
				showCounts();
				cluster.close();
			},
		};
	}

	return {
		get: (name) => active.get(name),
		follow(name, flags, gone) {
			const cluster = active.get(name);
			if (cluster instanceof EndpointCluster) cluster.follow(flags, gone);
		},
		readdress(name, endpoint) {
			const cluster = active.get(name);
			if (cluster instanceof EndpointCluster) cluster.readdress(endpoint);
		},
		clusters: () => [...active.values()].sort((left, right) => (left.name < right.name ? -1 : 1)),
		prepareCluster,
		countChange(isKnown) {
			(isKnown ? stats.cluster_modified : stats.cluster_added).value++;
		},
		removeClusters(names) {
			for (const name of names) {
				const cluster = active.get(name);
				if (cluster === undefined) continue;
				active.delete(name);
				stats.cluster_removed.value++;
				retire(cluster);
			}
			showCounts();
		},
		applyAssignment(clusterName, assignment) {
			active.get(clusterName)?.updateAssignment(assignment);
			for (const cluster of warming) if (cluster.name === clusterName) cluster.updateAssignment(assignment);
		},
		repeatAssignment(clusterName) {
			const cluster = active.get(clusterName);
			if (cluster instanceof EndpointCluster && cluster.assignment !== undefined) {
				cluster.updateAssignment(cluster.assignment);
			}
		},
		onActivated(listener) {
			activated.add(listener);
			return () => void activated.delete(listener);
		},
		onRetired(listener) {
			retired.add(listener);
			return () => void retired.delete(listener);
		},
		close() {
			isClosed = true;
			for (const cluster of [...active.values(), ...warming]) cluster.close();
			active.clear();
			warming.clear();
		},
	};
}

/** What an EDS cluster has when the wait for its endpoints ended. */
function emptyAssignment(config: ClusterConfig): AssignmentConfig {
	return {
		clusterName: config.name,
		localities: [],
		overprovisioningFactor: 140,
		weightedPriorityHealth: false,
		dropOverloads: [],
		staleAfterMs: 0,
	};
}
