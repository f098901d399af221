import { type BalancerContext, computePriorityLoads, type PriorityCounts } from "../../engine/load-balancer/index.ts";
import type { ClusterConfig } from "../runtime-config/index.ts";
import type { Cluster, Host, LocalFailure } from "./cluster.ts";
import { ClusterCore, type ClusterDeps } from "./cluster-core.ts";

/** A member with what it was when the loads were computed. */
interface Member {
	readonly cluster: Cluster;
	/** The end of its share of the load, in percent, counted from the first member. */
	readonly upTo: number;
}

/** Priorities of several clusters in a row: the second is used for what the first cannot take. Hosts are those of the members, whose
 *  outlier detection hears of results; limits and statistics of requests are the aggregate's own. */
export class AggregateCluster extends ClusterCore implements Cluster {
	readonly #names: readonly string[];
	readonly #getCluster: (name: string) => Cluster | undefined;
	readonly #owners = new WeakMap<Host, Cluster>();
	/** How to stop listening to a member. */
	readonly #subscriptions = new Map<Cluster, () => void>();
	#members: readonly Member[] = [];
	/** The state of the members that the loads were computed from. */
	#seen: readonly (Cluster | number)[] = [];

	constructor(
		config: ClusterConfig,
		names: readonly string[],
		deps: ClusterDeps,
		getCluster: (name: string) => Cluster | undefined,
	) {
		super(config, deps, () => undefined);
		this.#names = names;
		this.#getCluster = getCluster;
		this.becomeWarm();
	}

	get hosts(): readonly Host[] {
		return this.#names.flatMap((name) => this.#getCluster(name)?.hosts ?? []);
	}

	chooseHost(context: BalancerContext<Host>): Host | undefined {
		this.#refresh();
		const draw = context.hash === undefined ? this.deps.random.next() * 100 : Number(context.hash % 100n);
		const member = this.#members.find(({ upTo }) => draw < upTo);
		const host = member?.cluster.chooseHost(context);
		if (host !== undefined) this.#owners.set(host, member!.cluster);
		return host;
	}

	/** Has no assignment. */
	updateAssignment(): void {
		this.becomeWarm();
	}

	override reportResponse(host: Host, status: number): void {
		this.#owners.get(host)?.reportResponse(host, status);
	}

	override reportFailure(host: Host, failure: LocalFailure): void {
		this.#owners.get(host)?.reportFailure(host, failure);
	}

	override failHealthAtOnce(host: Host): void {
		this.#owners.get(host)?.failHealthAtOnce(host);
	}

	override close(): void {
		for (const stop of this.#subscriptions.values()) stop();
		this.#subscriptions.clear();
		super.close();
	}

	/** What happens to the members' hosts happens to this cluster's; those of a member that went are gone. */
	#follow(clusters: readonly Cluster[]): void {
		for (const [cluster, stop] of this.#subscriptions) {
			if (clusters.includes(cluster)) continue;
			stop();
			this.#subscriptions.delete(cluster);
			this.announceHosts([], cluster.hosts);
		}
		for (const cluster of clusters) {
			if (this.#subscriptions.has(cluster)) continue;
			const stops = [
				cluster.onHostsChanged((added, removed) => this.announceHosts(added, removed)),
				cluster.onCloseConnections((host) => this.closeConnections(host)),
				cluster.onDrainConnections((host) => this.drainConnections(host)),
			];
			this.#subscriptions.set(cluster, () => {
				for (const stop of stops) stop();
			});
		}
	}

	#refresh(): void {
		const clusters = this.#names.map((name) => this.#getCluster(name)).filter((cluster) => cluster !== undefined);
		const seen = clusters.flatMap((cluster) => [cluster, cluster.healthVersion]);
		if (seen.length === this.#seen.length && seen.every((one, index) => one === this.#seen[index])) return;
		this.#seen = seen;
		this.#follow(clusters);
		this.healthVersion++;
		const owners: Cluster[] = [];
		const counts: PriorityCounts[] = [];
		for (const cluster of clusters) {
			for (const priority of countPriorities(cluster.hosts)) {
				owners.push(cluster);
				counts.push(priority);
			}
		}
		const loads = computePriorityLoads(counts, {
			overprovisioningFactor: 140,
			panicThreshold: this.config.commonBalancer.healthyPanicThreshold,
			weightedPriorityHealth: false,
		});
		let upTo = 0;
		this.#members = owners.map((cluster, index) => {
			upTo += loads.healthy[index]! + loads.degraded[index]!;
			return { cluster, upTo };
		});
	}
}

function countPriorities(hosts: readonly Host[]): PriorityCounts[] {
	const counts: { -readonly [key in keyof PriorityCounts]: number }[] = [];
	for (const host of hosts) {
		while (counts.length <= host.priority)
			counts.push({
				hosts: 0,
				excluded: 0,
				healthy: 0,
				degraded: 0,
				countedWeight: 0,
				healthyWeight: 0,
				degradedWeight: 0,
			});
		const priority = counts[host.priority]!;
		priority.hosts++;
		if (host.excluded) priority.excluded++;
		else if (host.health === "healthy") priority.healthy++;
		else if (host.health === "degraded") priority.degraded++;
	}
	return counts;
}
