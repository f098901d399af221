import type { Timer } from "../../core/index.ts";
import {
	type BalancerContext,
	createLoadBalancer,
	HostLoad,
	type LoadBalancer,
	type LocalCluster,
	type LocalityHosts,
	PeakLatency,
} from "../../engine/load-balancer/index.ts";
import { emptyRuntime } from "../../engine/runtime/index.ts";
import type { AssignmentConfig, ClusterConfig, EndpointConfig } from "../runtime-config/index.ts";
import {
	type CheckedGauges,
	createBalancerStats,
	createCheckedGauges,
	createClusterManagerStats,
	createEndpointHealth,
	createEndpointStats,
	createHashTableGauges,
} from "../stats/index.ts";
import { type Cluster, HealthFlag, type Host } from "./cluster.ts";
import { ClusterCore, type ClusterDeps } from "./cluster-core.ts";
import { HealthChecker } from "./health-check/health-checker.ts";
import { setHealthFlags } from "./host.ts";
import { HostTable } from "./host-table.ts";
import { MergeWindow } from "./merge-window.ts";

/** A cluster whose hosts are the endpoints of an assignment, however that is found. */
export class EndpointCluster extends ClusterCore implements Cluster {
	/** The assignment in force. */
	assignment: AssignmentConfig | undefined;
	/** Hosts are given as soon as there is an assignment; false holds {@link Cluster.onWarm} back. */
	isDiscovered = true;
	readonly #table: HostTable;
	readonly #balancer: LoadBalancer<Host>;
	readonly #mergeWindow: MergeWindow;
	readonly #checkers: HealthChecker[] = [];
	/** Of hosts that several checks agree on. */
	readonly #checked: CheckedGauges | undefined;
	/** Whether somebody checks the hosts: in a worker it is somebody else. */
	readonly #isChecked: boolean;
	readonly #owned: (() => void)[] = [];
	#staleTimer: Timer | undefined;

	constructor(config: ClusterConfig, deps: ClusterDeps, localCluster?: LocalCluster) {
		super(config, deps, (host) => this.#onHealthChanged(host));
		for (const { name } of config.transportSocketMatches) this.statsScope.counter(`${name}.total_match_count`);
		this.#table = new HostTable(
			config,
			config.perEndpointStats ? (address) => createEndpointStats(this.statsScope, address) : undefined,
		);
		this.#balancer = createLoadBalancer<Host>({
			config: config.balancer,
			common: config.commonBalancer,
			subsets: config.subsets,
			overrides: config.overrides,
			stats: createBalancerStats(this.stats, this.statsScope, config.subsets !== undefined),
			runtime: deps.runtime ?? emptyRuntime,
			localCluster,
			tableGauges: createHashTableGauges(this.statsScope, config.balancer.kind),
		});
		this.#mergeWindow = new MergeWindow(
			config.commonBalancer.updateMergeWindowMs,
			deps.clock,
			() => createClusterManagerStats(deps.stats.scope("cluster_manager")),
			(priority) => this.#balancer.markChanged(priority),
		);
		this.#isChecked = config.healthChecks.length > 0;
		for (const check of deps.leader === undefined ? config.healthChecks : []) {
			this.#checkers.push(
				new HealthChecker({
					...deps,
					cluster: config,
					config: check,
					stats: this.statsScope,
					connections: this.stats.upstream_cx_total,
					all: this.#checkers,
					onChecked: (host, isChanged, passed) => this.#onChecked(host, isChanged, passed),
				}),
			);
		}
		if (config.healthChecks.length > 1) this.#checked = createCheckedGauges(this.statsScope);
	}

	get hosts(): readonly Host[] {
		return this.#table.hosts;
	}

	/** The hosts that are used first, by locality. */
	get firstPriority(): readonly LocalityHosts<Host>[] {
		return this.#table.priorities[0] ?? [];
	}

	ownerOf(): Cluster {
		return this;
	}

	chooseHost(context: BalancerContext<Host>): Host | undefined {
		return this.#balancer.choose(context, this.deps.random, this.deps.clock.now());
	}

	updateAssignment(assignment: AssignmentConfig): void {
		if (this.isClosed) return;
		if (assignment === this.assignment) {
			this.stats.update_no_rebuild.value++;
			this.#watchAge(assignment);
			return;
		}
		const isFirst = this.assignment === undefined;
		this.assignment = assignment;
		this.deps.followers?.assigned(this, assignment);
		this.dropShare = 1 - assignment.dropOverloads.reduce((kept, { fraction }) => kept * (1 - fraction), 1);
		this.dropCategory = assignment.dropOverloads[0]?.category ?? "";
		this.#watchAge(assignment);
		const { added, removed, isChanged, changedPriorities } = this.#table.apply(
			assignment,
			(host) => this.#prepareHost(host),
			(host) => this.#mayGo(host),
		);
		if (isChanged) this.#rebalance();
		else if (!isFirst) this.stats.update_no_rebuild.value++;
		this.#announce(added, removed, changedPriorities);
		this.tryWarm();
	}

	/** Moves the only host to another address: requests that come go there, connections that are open stay. */
	readdress(endpoint: EndpointConfig): void {
		this.#table.readdress(endpoint);
		this.deps.followers?.readdressed(this, endpoint);
	}

	/** Takes what the leader decided: the health flags of hosts, and hosts that are gone. */
	follow(flags: readonly (readonly [address: string, flags: number])[], gone: readonly string[]): void {
		const byAddress = new Map(this.#table.hosts.map((host) => [host.address, host]));
		for (const [address, value] of flags) {
			const host = byAddress.get(address);
			if (host === undefined || host.healthFlags === value) continue;
			setHealthFlags(host, -1, value);
			this.#onHealthChanged(host);
		}
		for (const address of gone) {
			const host = byAddress.get(address);
			if (host === undefined || !this.#table.remove(host)) continue;
			this.#rebalance();
			this.#announce([], [host], 1);
		}
	}

	/** Ends with the cluster. */
	own(close: () => void): void {
		this.#owned.push(close);
	}

	/** Becomes warm if nothing is waited for any more. */
	tryWarm(): void {
		if (this.isDiscovered && !this.#checkers.some((checker) => checker.isWaiting)) this.becomeWarm();
	}

	override close(): void {
		if (this.isClosed) return;
		for (const close of this.#owned) close();
		this.#staleTimer?.cancel();
		this.#mergeWindow.close();
		for (const checker of this.#checkers) checker.close();
		super.close();
	}

	#announce(added: readonly Host[], removed: readonly Host[], changedPriorities: number): void {
		this.stats.membership_change.value += changedPriorities;
		if (added.length === 0 && removed.length === 0) return;
		for (const host of removed) {
			this.outlierMonitor?.removeHost(host);
			for (const checker of this.#checkers) checker.removeHost(host);
		}
		this.announceHosts(added, removed);
		if (this.config.commonBalancer.closeConnectionsOnHostSetChange) {
			for (const host of this.#table.hosts) this.drainConnections(host);
		}
		for (const host of added) for (const checker of this.#checkers) checker.addHost(host);
	}

	#rebalance(): void {
		this.#balancer.setHosts(this.#table.priorities, this.assignment!);
		if (this.isWarm) this.#mergeWindow.onDelivered(this.#table.priorities.length);
		this.showMembership(this.#table.hosts);
	}

	#prepareHost(host: Host): void {
		this.outlierMonitor?.addHost(host);
		if (this.config.perEndpointStats) host.shownHealth = createEndpointHealth(this.statsScope, host.address);
		const match = this.config.transportSocketMatches.find(({ socket }) => socket === host.transportSocket);
		this.statsScope.counter(`${match?.name ?? "default"}.total_match_count`).value++;
		const { balancer } = this.config;
		if (balancer.kind === "client-side-weighted") host.load = new HostLoad(balancer);
		if (balancer.kind === "peak-ewma") {
			host.latency = new PeakLatency(balancer.decayMs, balancer.defaultRttMs, this.deps.clock.now());
		}
		if (!this.#isChecked || host.healthCheck.disabled) {
			if (host.health === "healthy") host.healthySince = this.deps.clock.now();
			return;
		}
		const pending = this.config.commonBalancer.ignoreNewHostsUntilFirstHealthCheck
			? HealthFlag.pendingActiveHealthCheck
			: 0;
		setHealthFlags(host, HealthFlag.failedActiveHealthCheck | pending, HealthFlag.failedActiveHealthCheck | pending);
	}

	/** A host that passes its checks outlives its assignment until it fails one, unless configured otherwise. */
	#mayGo(host: Host): boolean {
		if (!this.#isChecked || host.healthCheck.disabled || this.config.ignoreHealthOnHostRemoval) return true;
		const failed = HealthFlag.failedActiveHealthCheck | HealthFlag.failedEdsHealth | HealthFlag.edsStatusDraining;
		if ((host.healthFlags & failed) !== 0) return true;
		host.healthFlags |= HealthFlag.pendingDynamicRemoval;
		return false;
	}

	override failHealthAtOnce(host: Host): void {
		for (const checker of this.#checkers) checker.failAtOnce(host);
	}

	#onChecked(host: Host, isChanged: boolean, passed: boolean): void {
		if (this.#checked !== undefined) {
			const checked = this.hosts.filter((one) => !one.healthCheck.disabled);
			const failed = HealthFlag.failedActiveHealthCheck;
			this.#checked.healthy.value = checked.filter(({ healthFlags }) => (healthFlags & failed) === 0).length;
			const degraded = HealthFlag.degradedActiveHealthCheck;
			this.#checked.degraded.value = checked.filter(({ healthFlags }) => (healthFlags & degraded) !== 0).length;
		}
		if (passed) this.outlierMonitor?.onHealthCheckPassed(host);
		const leaves = HealthFlag.pendingDynamicRemoval | HealthFlag.failedActiveHealthCheck;
		if ((host.healthFlags & leaves) === leaves && this.#table.remove(host)) {
			this.#rebalance();
			this.#announce([], [host], 1);
		} else if (isChanged) {
			this.#onHealthChanged(host);
		}
		this.tryWarm();
	}

	#onHealthChanged(host: Host): void {
		if (host.removed) return;
		// While nobody sends requests there is nothing to spare.
		if (this.isWarm) this.#mergeWindow.offer(this.#table.priorities.length);
		else this.#balancer.markChanged(host.priority);
		this.showMembership(this.#table.hosts);
		if (host.health !== "unhealthy") return;
		if (this.config.closeConnectionsOnHostHealthFailure) this.closeConnections(host);
		else this.drainConnections(host);
	}

	/** Endpoints of an assignment that says how long it holds are dropped when no other came in that time. */
	#watchAge(assignment: AssignmentConfig): void {
		this.#staleTimer?.cancel();
		this.#staleTimer = undefined;
		if (assignment.staleAfterMs === 0) return;
		this.stats.assignment_timeout_received.value++;
		this.#staleTimer = this.deps.clock.setTimer(
			assignment.staleAfterMs,
			() => {
				this.stats.assignment_stale.value++;
				this.updateAssignment({ ...assignment, localities: [], staleAfterMs: 0 });
			},
			{ unref: true },
		);
	}
}
