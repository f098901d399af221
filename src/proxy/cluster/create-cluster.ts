import type { Clock, Log, Random } from "../../core/index.ts";
import { CircuitBreaker } from "../../engine/circuit-breaker/index.ts";
import { type BalancerContext, createLoadBalancer, type LoadBalancer } from "../../engine/load-balancer/index.ts";
import type { StatsScope } from "../../telemetry/index.ts";
import type { AssignmentConfig, ClusterConfig } from "../runtime-config/index.ts";
import { type ClusterStats, createClusterStats, createRemainingStats } from "../stats/index.ts";
import type { Cluster, ClusterResources, Host, LocalFailure } from "./cluster.ts";
import { HostTable } from "./host-table.ts";
import { OutlierMonitor } from "./outlier-monitor.ts";

/** What clusters need of the proxy. */
export interface ClusterDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	/** The root scope: a cluster makes `cluster.<name>` below it. */
	readonly stats: StatsScope;
}

/** Creates a cluster and starts what finds its hosts. An EDS cluster waits for {@link Cluster.updateAssignment}. */
export function createCluster(config: ClusterConfig, deps: ClusterDeps): Cluster {
	return new EndpointCluster(config, deps);
}

/** A cluster whose hosts are endpoints of an assignment. */
export class EndpointCluster implements Cluster {
	readonly config: ClusterConfig;
	readonly name: string;
	readonly stats: ClusterStats["upstream"];
	readonly responses: ClusterStats["responses"];
	readonly statsScope: StatsScope;
	readonly outlier: OutlierMonitor | undefined;
	/** The assignment in force. */
	assignment: AssignmentConfig | undefined;
	dropShare = 0;
	isWarm = false;
	readonly #deps: ClusterDeps;
	readonly #table: HostTable;
	readonly #balancer: LoadBalancer<Host>;
	readonly #resources: { readonly default: ClusterResources; readonly high: ClusterResources };
	readonly #hostListeners = new Set<(added: readonly Host[], removed: readonly Host[]) => void>();
	readonly #closeListeners = new Set<(host: Host) => void>();
	#warmCallbacks: (() => void)[] = [];
	#isClosed = false;

	constructor(config: ClusterConfig, deps: ClusterDeps) {
		this.config = config;
		this.name = config.name;
		this.#deps = deps;
		const stats = createClusterStats(deps.stats, config.statName);
		this.stats = stats.upstream;
		this.responses = stats.responses;
		this.statsScope = stats.scope;
		this.#table = new HostTable(config);
		this.#balancer = createLoadBalancer<Host>({
			config: config.balancer,
			common: config.commonBalancer,
			subsets: config.subsets,
			stats: stats.upstream,
		});
		const breaker = (priority: "default" | "high"): CircuitBreaker => {
			const thresholds = config.circuitBreakers[priority];
			const remaining = thresholds.trackRemaining
				? createRemainingStats(stats.scope.scope(`circuit_breakers.${priority}`))
				: undefined;
			return new CircuitBreaker(thresholds, stats.circuitBreakers[priority], remaining);
		};
		this.#resources = { default: breaker("default"), high: breaker("high") };
		this.outlier =
			config.outlierDetection === undefined
				? undefined
				: new OutlierMonitor({
						clusterName: config.name,
						config: config.outlierDetection,
						clock: deps.clock,
						random: deps.random,
						log: deps.log,
						stats: stats.scope,
						onHealthChanged: (host) => this.#onHealthChanged(host),
					});
		if (config.discovery.kind === "static") this.updateAssignment(config.discovery.assignment);
	}

	get hosts(): readonly Host[] {
		return this.#table.hosts;
	}

	onWarm(callback: () => void): void {
		if (this.isWarm) callback();
		else this.#warmCallbacks.push(callback);
	}

	chooseHost(context: BalancerContext<Host>): Host | undefined {
		return this.#balancer.choose(context, this.#deps.random, this.#deps.clock.now());
	}

	resources(priority: "default" | "high"): ClusterResources {
		return this.#resources[priority];
	}

	updateAssignment(assignment: AssignmentConfig): void {
		if (this.#isClosed) return;
		this.assignment = assignment;
		this.dropShare = 1 - assignment.dropOverloads.reduce((kept, { fraction }) => kept * (1 - fraction), 1);
		const { added, removed, isChanged } = this.#table.apply(
			assignment,
			(host) => this.#prepareHost(host),
			() => true,
		);
		for (const host of removed) this.outlier?.removeHost(host);
		if (isChanged) {
			this.#balancer.setHosts(this.#table.priorities, assignment);
			this.#showMembership();
		} else {
			this.stats.update_no_rebuild.value++;
		}
		if (added.length > 0 || removed.length > 0) {
			this.stats.membership_change.value++;
			for (const listener of this.#hostListeners) listener(added, removed);
			if (this.config.commonBalancer.closeConnectionsOnHostSetChange) {
				for (const host of this.#table.hosts) this.#closeConnections(host);
			}
		}
		this.#becomeWarm();
	}

	onHostsChanged(listener: (added: readonly Host[], removed: readonly Host[]) => void): () => void {
		this.#hostListeners.add(listener);
		return () => void this.#hostListeners.delete(listener);
	}

	onCloseConnections(listener: (host: Host) => void): () => void {
		this.#closeListeners.add(listener);
		return () => void this.#closeListeners.delete(listener);
	}

	reportResponse(host: Host, status: number): void {
		this.outlier?.reportResponse(host, status);
	}

	reportFailure(host: Host, failure: LocalFailure): void {
		this.outlier?.reportFailure(host, failure);
	}

	close(): void {
		if (this.#isClosed) return;
		this.#isClosed = true;
		this.outlier?.close();
		this.#warmCallbacks = [];
		this.statsScope.close();
	}

	#prepareHost(host: Host): void {
		if (host.health === "healthy") host.healthySince = this.#deps.clock.now();
		this.outlier?.addHost(host);
	}

	#onHealthChanged(host: Host): void {
		if (host.removed) return;
		this.#balancer.markChanged(host.priority);
		this.#showMembership();
		if (host.health === "unhealthy" && this.config.closeConnectionsOnHostHealthFailure) this.#closeConnections(host);
	}

	#closeConnections(host: Host): void {
		for (const listener of this.#closeListeners) listener(host);
	}

	#becomeWarm(): void {
		if (this.isWarm) return;
		this.isWarm = true;
		const callbacks = this.#warmCallbacks;
		this.#warmCallbacks = [];
		for (const callback of callbacks) callback();
	}

	#showMembership(): void {
		let healthy = 0;
		let degraded = 0;
		let excluded = 0;
		let maximumWeight = 0;
		for (const host of this.#table.hosts) {
			if (host.health === "healthy") healthy++;
			else if (host.health === "degraded") degraded++;
			if (host.excluded) excluded++;
			if (host.weight > maximumWeight) maximumWeight = host.weight;
		}
		this.stats.membership_total.value = this.#table.hosts.length;
		this.stats.membership_healthy.value = healthy;
		this.stats.membership_degraded.value = degraded;
		this.stats.membership_excluded.value = excluded;
		this.stats.max_host_weight.value = maximumWeight;
	}
}
