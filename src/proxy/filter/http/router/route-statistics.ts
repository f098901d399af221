import type { RequestHead } from "../../../../engine/format/index.ts";
import type { RouteEntry, RouteTable, RouteTableConfig } from "../../../../engine/router/index.ts";
import type { StatsScope } from "../../../../telemetry/index.ts";
import { createVirtualClusterStats, type VirtualClusterStats } from "../../../stats/index.ts";

/** The virtual cluster of requests that no other takes, as Envoy calls it. */
const otherCluster = "other";

interface Shown {
	readonly scope: StatsScope;
	readonly stats: VirtualClusterStats;
	/** How many tables name it. */
	users: number;
}

/** Statistics of virtual clusters and of routes with a stat_prefix, of all route tables: `vhost.<virtual host>.vcluster.<name>.*` and
 *  `vhost.<virtual host>.route.<prefix>.*`. They are there as soon as a table is, and go with the last one that names them. */
export class RouteStatistics {
	readonly #root: StatsScope;
	readonly #shown = new Map<string, Shown>();
	/** Virtual hosts with virtual clusters. */
	readonly #clusteredHosts = new Map<string, number>();
	/** What requests of a virtual host and a virtual cluster of it count in, as long as nothing is declared or taken back. */
	readonly #byCluster = new Map<string, Map<string, readonly VirtualClusterStats[]>>();

	/** @param root the root scope */
	constructor(root: StatsScope) {
		this.#root = root;
	}

	/** Shows what a table names; the returned function takes that back. */
	declare(table: RouteTableConfig): () => void {
		const clustered = table.virtualHosts.filter((host) => host.virtualClusters.length > 0).map((host) => host.name);
		const names = table.virtualHosts.flatMap((host) => [
			...(host.virtualClusters.length === 0
				? []
				: [...host.virtualClusters.map((cluster) => cluster.name), otherCluster].map((name) =>
						clusterPrefix(host.name, name),
					)),
			...host.routes
				.filter((route) => route.statPrefix !== "")
				.map((route) => `vhost.${host.name}.route.${route.statPrefix}`),
		]);
		for (const host of clustered) this.#clusteredHosts.set(host, (this.#clusteredHosts.get(host) ?? 0) + 1);
		for (const name of new Set(names)) this.#acquire(name);
		return () => {
			for (const host of clustered) {
				const left = this.#clusteredHosts.get(host)! - 1;
				if (left === 0) this.#clusteredHosts.delete(host);
				else this.#clusteredHosts.set(host, left);
			}
			for (const name of new Set(names)) this.#release(name);
		};
	}

	/** What counts for a request; notes its virtual cluster. */
	select(
		table: RouteTable | undefined,
		entry: RouteEntry,
		request: RequestHead,
		record: { virtualClusterName: string },
	): readonly VirtualClusterStats[] {
		const isClustered = table !== undefined && this.#clusteredHosts.has(entry.virtualHostName);
		if (isClustered) record.virtualClusterName = table.matchVirtualCluster(request, entry) || otherCluster;
		const ofCluster = isClustered ? this.#find(entry.virtualHostName, record.virtualClusterName) : none;
		if (entry.statPrefix === "") return ofCluster;
		const route = this.#shown.get(entry.statPrefix.slice(0, -1));
		return route === undefined ? ofCluster : [...ofCluster, route.stats];
	}

	#find(virtualHost: string, cluster: string): readonly VirtualClusterStats[] {
		let clusters = this.#byCluster.get(virtualHost);
		if (clusters === undefined) {
			clusters = new Map();
			this.#byCluster.set(virtualHost, clusters);
		}
		let found = clusters.get(cluster);
		if (found === undefined) {
			const shown = this.#shown.get(clusterPrefix(virtualHost, cluster));
			found = shown === undefined ? none : [shown.stats];
			clusters.set(cluster, found);
		}
		return found;
	}

	#acquire(name: string): void {
		this.#byCluster.clear();
		const known = this.#shown.get(name);
		if (known !== undefined) {
			known.users++;
			return;
		}
		const scope = this.#root.scope(name);
		this.#shown.set(name, { scope, stats: createVirtualClusterStats(scope), users: 1 });
	}

	#release(name: string): void {
		this.#byCluster.clear();
		const shown = this.#shown.get(name);
		if (shown === undefined || --shown.users > 0) return;
		shown.scope.close();
		this.#shown.delete(name);
	}
}

const none: readonly VirtualClusterStats[] = Object.freeze([]);

function clusterPrefix(virtualHost: string, name: string): string {
	return `vhost.${virtualHost}.vcluster.${name}`;
}
