import type { Clock, Log, Random, SharedCounts } from "../../core/index.ts";
import { CircuitBreaker } from "../../engine/circuit-breaker/index.ts";
import { emptyRuntime, isFeatureEnabled, type Runtime } from "../../engine/runtime/index.ts";
import type { StatsScope } from "../../telemetry/index.ts";
import type { AssignmentConfig, ClusterConfig, EndpointConfig, LocalityName } from "../runtime-config/index.ts";
import type { SecretSource } from "../secret/index.ts";
import {
	type ClusterMeasures,
	type ClusterStats,
	createClusterStats,
	createMessageSizeStats,
	createRemainingStats,
	createResponseCodeStats,
	createTimeoutBudgetStats,
	type ResponseCodeStats,
} from "../stats/index.ts";
import type { Cluster, ClusterResources, Host, LocalOutcome } from "./cluster.ts";
import type { DnsResolver } from "./dns/dns-resolver.ts";
import type { EventLog } from "./event-log.ts";
import { OutlierMonitor } from "./outlier-monitor.ts";

/** What clusters need of the proxy. */
export interface ClusterDeps {
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	/** The root scope: a cluster makes `cluster.<name>` below it. */
	readonly stats: StatsScope;
	/** For health checks over TLS. */
	readonly secrets: SecretSource;
	/** The system's by default. */
	readonly resolver?: DnsResolver;
	/** Empty by default. */
	readonly runtime?: Runtime;
	/** Numbers that threads count together; each for itself without. */
	readonly shared?: SharedCounts;
	/** Set in a worker: hosts, their health and their ejection are decided elsewhere, which is told how requests went. */
	readonly leader?: ClusterLeader;
	/** Set where workers follow: what is decided is told. */
	readonly followers?: ClusterFollowers;
	/** A file for the events of health checks; without it they are not written down. */
	openEventLog?(path: string): EventLog;
	/** The file for ejections of hosts, where there is one. */
	openOutlierLog?(): EventLog;
	/** The proxies' own cluster and this proxy's locality in it, for zone-aware balancing. */
	readonly localCluster?: { readonly name: string; readonly locality: LocalityName };
	/** The proxy's own zone: answers are counted by it and that of the host. */
	readonly localZone?: string;
}

/** Who decides about hosts, as a worker sees it. */
export interface ClusterLeader {
	/** The status that a host answered with, or how it failed. */
	report(cluster: string, host: string, result: number | LocalOutcome): void;
}

/** Who follows what is decided about hosts. */
export interface ClusterFollowers {
	assigned(cluster: Cluster, assignment: AssignmentConfig): void;
	readdressed(cluster: Cluster, endpoint: EndpointConfig): void;
	/** Hosts or their health may have changed. */
	changed(cluster: Cluster): void;
}

/** What clusters of every kind have: statistics, limits, listeners, outlier detection. */
export abstract class ClusterCore {
	readonly config: ClusterConfig;
	readonly name: string;
	readonly stats: ClusterStats["upstream"];
	readonly responses: ClusterStats["responses"];
	readonly statsScope: StatsScope;
	readonly measures: ClusterMeasures | undefined;
	readonly deps: ClusterDeps;
	protected readonly runtime: Runtime;
	readonly #maintenanceKey: string;
	isWarm = false;
	dropShare = 0;
	dropCategory = "";
	readonly overloadDrops = { value: 0 };
	/** Why names of endpoints have no address now, by name. */
	readonly nameProblems = new Map<string, string>();
	healthVersion = 0;
	protected readonly outlierMonitor: OutlierMonitor | undefined;
	protected isClosed = false;
	/** Whether somebody else's outlier detection is to be told of results. */
	readonly #tells: boolean;
	readonly #resources: { readonly default: ClusterResources; readonly high: ClusterResources };
	readonly #hostListeners = new Set<(added: readonly Host[], removed: readonly Host[]) => void>();
	readonly #closeListeners = new Set<(host: Host) => void>();
	readonly #drainListeners = new Set<(host: Host) => void>();
	#warmCallbacks: (() => void)[] = [];
	/** By the zone of the host. */
	readonly #zoneResponses: Map<string, ResponseCodeStats> | undefined;

	constructor(config: ClusterConfig, deps: ClusterDeps, onOutlierChanged: (host: Host) => void) {
		this.config = config;
		this.name = config.name;
		this.deps = deps;
		this.runtime = deps.runtime ?? emptyRuntime;
		this.#maintenanceKey = `upstream.maintenance_mode.${config.name}`;
		const stats = createClusterStats(deps.stats, config.statName);
		this.stats = stats.upstream;
		this.responses = stats.responses;
		this.statsScope = stats.scope;
		const { trackTimeoutBudgets, trackRequestResponseSizes } = config;
		if (trackTimeoutBudgets || trackRequestResponseSizes)
			this.measures = {
				budgets: trackTimeoutBudgets ? createTimeoutBudgetStats(stats.scope) : undefined,
				sizes: trackRequestResponseSizes ? createMessageSizeStats(stats.scope) : undefined,
			};
		const breaker = (priority: "default" | "high"): CircuitBreaker => {
			const thresholds = config.circuitBreakers[priority];
			const remaining = thresholds.trackRemaining
				? createRemainingStats(stats.scope.scope(`circuit_breakers.${priority}`))
				: undefined;
			const { shared } = deps;
			const claim =
				shared === undefined ? undefined : (limit: string) => shared.claim(`${config.name}/${priority}/${limit}`);
			const overrides = { runtime: this.runtime, prefix: `circuit_breakers.${config.name}.${priority}` };
			return new CircuitBreaker(thresholds, stats.circuitBreakers[priority], remaining, claim, overrides);
		};
		if ((deps.localZone ?? "") !== "") this.#zoneResponses = new Map();
		this.#tells = deps.leader !== undefined && config.outlierDetection !== undefined;
		this.#resources = { default: breaker("default"), high: breaker("high") };
		if (config.outlierDetection !== undefined && deps.leader === undefined) {
			this.outlierMonitor = new OutlierMonitor({
				clusterName: config.name,
				config: config.outlierDetection,
				runtime: this.runtime,
				clock: deps.clock,
				random: deps.random,
				log: deps.log,
				stats: stats.scope,
				eventLog: deps.openOutlierLog?.(),
				onHealthChanged: onOutlierChanged,
			});
		}
	}

	zoneResponses({ locality }: Host): ResponseCodeStats | undefined {
		const { zone } = locality;
		if (this.#zoneResponses === undefined || zone === "") return undefined;
		let responses = this.#zoneResponses.get(zone);
		if (responses === undefined) {
			responses = createResponseCodeStats(this.statsScope, `zone.${this.deps.localZone}.${zone}.upstream_rq`);
			this.#zoneResponses.set(zone, responses);
		}
		return responses;
	}

	get outlier(): Cluster["outlier"] {
		return this.outlierMonitor;
	}

	onWarm(callback: () => void): void {
		if (this.isWarm) callback();
		else this.#warmCallbacks.push(callback);
	}

	resources(priority: "default" | "high"): ClusterResources {
		return this.#resources[priority];
	}

	onHostsChanged(listener: (added: readonly Host[], removed: readonly Host[]) => void): () => void {
		this.#hostListeners.add(listener);
		return () => void this.#hostListeners.delete(listener);
	}

	onCloseConnections(listener: (host: Host) => void): () => void {
		this.#closeListeners.add(listener);
		return () => void this.#closeListeners.delete(listener);
	}

	onDrainConnections(listener: (host: Host) => void): () => void {
		this.#drainListeners.add(listener);
		return () => void this.#drainListeners.delete(listener);
	}

	reportResponse(host: Host, status: number): void {
		if (this.outlierMonitor !== undefined) this.outlierMonitor.reportResponse(host, status);
		else if (this.#tells) this.deps.leader?.report(this.name, host.address, status);
	}

	reportLocal(host: Host, outcome: LocalOutcome): void {
		if (outcome === "connected" && this.config.outlierDetection?.splitExternalLocalOriginErrors !== true) return;
		if (this.outlierMonitor !== undefined) this.outlierMonitor.reportLocal(host, outcome);
		else if (this.#tells) this.deps.leader?.report(this.name, host.address, outcome);
	}

	/** Whether the runtime says that a request is not to be served (`upstream.maintenance_mode.<cluster>`). */
	drawMaintenance(): boolean {
		if (this.runtime.get(this.#maintenanceKey) === undefined) return false;
		return isFeatureEnabled(this.runtime, this.#maintenanceKey, 0, this.deps.random.next());
	}

	priorityOf(host: Host): number {
		return host.priority;
	}

	/** Without active checks this means nothing. */
	failHealthAtOnce(_host: Host): void {
		// Clusters with checks know better.
	}

	close(): void {
		if (this.isClosed) return;
		this.isClosed = true;
		this.outlierMonitor?.close();
		this.#warmCallbacks = [];
		this.statsScope.close();
	}

	protected becomeWarm(): void {
		if (this.isWarm || this.isClosed) return;
		this.isWarm = true;
		const callbacks = this.#warmCallbacks;
		this.#warmCallbacks = [];
		for (const callback of callbacks) callback();
	}

	protected announceHosts(added: readonly Host[], removed: readonly Host[]): void {
		for (const listener of this.#hostListeners) listener(added, removed);
	}

	protected closeConnections(host: Host): void {
		for (const listener of this.#closeListeners) listener(host);
	}

	protected drainConnections(host: Host): void {
		for (const listener of this.#drainListeners) listener(host);
	}

	/** Sets the gauges that count hosts, after a change. */
	protected showMembership(hosts: Iterable<Host>): void {
		this.healthVersion++;
		this.deps.followers?.changed(this as unknown as Cluster);
		let total = 0;
		let healthy = 0;
		let degraded = 0;
		let excluded = 0;
		let maximumWeight = 1;
		for (const host of hosts) {
			total++;
			if (host.health === "healthy") healthy++;
			else if (host.health === "degraded") degraded++;
			if (host.excluded) excluded++;
			if (host.weight > maximumWeight) maximumWeight = host.weight;
			if (host.shownHealth !== undefined) host.shownHealth.value = host.health === "healthy" ? 1 : 0;
		}
		this.stats.membership_total.value = total;
		this.stats.membership_healthy.value = healthy;
		this.stats.membership_degraded.value = degraded;
		this.stats.membership_excluded.value = excluded;
		const { kind } = this.config.discovery;
		// Envoy looks at the weights of hosts that it discovers only.
		if (kind === "eds" || kind === "strict-dns") this.stats.max_host_weight.value = maximumWeight;
	}
}
