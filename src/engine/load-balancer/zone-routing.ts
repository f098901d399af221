import type { Random } from "../../core/index.ts";
import { getRuntimeNumber, type Runtime } from "../runtime/index.ts";
import type { Level } from "./priority-levels.ts";
import type { BalancedHost, BalancerStats, LocalCluster, LocalityHosts, ZoneAwareConfig } from "./types.ts";

/** What a request's locality comes out as: its place in {@link ZoneRouter.localities}, any host, or no host at all. */
export type ZoneChoice = number | "any" | "none";

const defaults: ZoneAwareConfig = {
	routingEnabledPercent: 100,
	minClusterSize: 6,
	failTrafficOnPanic: false,
	forceDirect: false,
	forceMinHosts: 1,
};

/** Envoy's main thread keeps these structures as its workers do, and both count. */
const keepers = 2;

/** Shares are counted in ten-thousandths. */
const whole = 10_000;

/** Zone-aware routing of the first priority: a zone with its fair share of upstream hosts keeps its requests, one with less sends
 *  the rest to zones that have more. Spec: Envoy "zone aware routing". */
export class ZoneRouter<H extends BalancedHost> {
	/** The proxy's own locality comes first when the upstream has it. */
	localities: readonly LocalityHosts<H>[] = [];
	readonly #config: ZoneAwareConfig;
	readonly #local: LocalCluster;
	readonly #stats: BalancerStats;
	readonly #runtime: Runtime;
	readonly #panicThreshold: () => number;
	#mode: "off" | "direct" | "residual" = "off";
	#isLocalPanicking = false;
	#localShare = 0;
	/** What each locality can take beyond its own requests, added up from the first. */
	#residual: number[] = [];
	#levelVersion = -1;
	#localVersion = -1;

	constructor(
		config: ZoneAwareConfig | undefined,
		local: LocalCluster,
		stats: BalancerStats,
		runtime: Runtime,
		panicThreshold: () => number,
	) {
		this.#config = config ?? defaults;
		this.#local = local;
		this.#stats = stats;
		this.#runtime = runtime;
		this.#panicThreshold = panicThreshold;
	}

	/** Looks at the first priority and the local cluster anew when one of them changed. */
	refresh(level: Level<H> | undefined): void {
		if (level === undefined) return;
		if (level.version === this.#levelVersion && this.#local.version === this.#localVersion) return;
		this.#levelVersion = level.version;
		this.#localVersion = this.#local.version;
		this.#stats.lb_recalculate_zone_structures.value += keepers;
		this.#compute(level);
	}

	/** The locality for one request. */
	choose(random: Random): ZoneChoice {
		if (this.#mode === "off") return "any";
		const enabled = getRuntimeNumber(
			this.#runtime,
			"upstream.zone_routing.enabled",
			Math.round(this.#config.routingEnabledPercent),
		);
		if (random.next() * 100 >= enabled) return "any";
		if (this.#isLocalPanicking) {
			this.#stats.lb_local_cluster_not_ok.value++;
			return this.#config.failTrafficOnPanic ? "none" : "any";
		}
		if (this.#mode === "direct") {
			this.#stats.lb_zone_routing_all_directly.value++;
			return 0;
		}
		if (Math.floor(random.next() * whole) < this.#localShare) {
			this.#stats.lb_zone_routing_sampled.value++;
			return 0;
		}
		this.#stats.lb_zone_routing_cross_zone.value++;
		const capacity = this.#residual.at(-1)!;
		if (capacity === 0) {
			this.#stats.lb_zone_no_capacity_left.value++;
			return Math.floor(random.next() * this.localities.length);
		}
		const draw = Math.floor(random.next() * capacity);
		return this.#residual.findIndex((upTo) => draw < upTo);
	}

	#compute(level: Level<H>): void {
		const { ownLocality } = this.#local;
		const local = sortOwnFirst(this.#local.localities, ownLocality);
		this.localities = sortOwnFirst(level.localities, ownLocality);
		this.#mode = "off";
		this.#isLocalPanicking = isPanicking(local, this.#panicThreshold());
		const own = this.localities.find(({ name }) => name === ownLocality)?.hosts ?? [];
		const isForced = this.#isForced() && own.filter(isUsable).length >= this.#config.forceMinHosts;
		if (this.localities.length < 2 || (local.length < 2 && !isForced)) return;
		if (local[0]?.name !== ownLocality || local[0].hosts.length === 0) {
			this.#stats.lb_local_cluster_not_ok.value += keepers;
			return;
		}
		const { minClusterSize } = this.#config;
		if (
			level.healthy.length < getRuntimeNumber(this.#runtime, "upstream.zone_routing.min_cluster_size", minClusterSize)
		) {
			this.#stats.lb_zone_cluster_too_small.value += keepers;
			return;
		}
		this.#spread(local, isForced);
	}

	#spread(local: readonly LocalityHosts[], isForced: boolean): void {
		const localShares = computeShares(local);
		const upstreamShares = computeShares(this.localities);
		const hasOwn = this.localities[0]!.name === this.#local.ownLocality;
		const shareOf = (index: number): number =>
			upstreamShares[index] === 0
				? 0
				: (localShares[local.findIndex(({ name }) => name === this.localities[index]!.name)] ?? 0);
		const ownUpstream = upstreamShares[0]!;
		const ownLocal = shareOf(0);
		if (hasOwn && ((ownUpstream > 0 && ownUpstream >= ownLocal) || isForced)) {
			this.#mode = "direct";
			return;
		}
		this.#mode = "residual";
		this.#localShare = hasOwn && ownLocal > 0 ? Math.floor((ownUpstream * whole) / ownLocal) : 0;
		let sum = 0;
		this.#residual = upstreamShares.map((share, index) => {
			if (index > 0 || !hasOwn) sum += Math.max(0, share - shareOf(index));
			return sum;
		});
	}

	#isForced(): boolean {
		const value = this.#runtime.get("upstream.zone_routing.force_locality_direct_routing");
		return typeof value === "boolean" ? value : this.#config.forceDirect;
	}
}

function sortOwnFirst<H extends BalancedHost>(
	localities: readonly LocalityHosts<H>[],
	own: string,
): LocalityHosts<H>[] {
	return localities
		.filter(({ hosts }) => hosts.length > 0)
		.sort((left, right) =>
			left.name === own ? -1 : right.name === own ? 1 : left.name < right.name ? -1 : left.name > right.name ? 1 : 0,
		);
}

function isUsable(host: BalancedHost): boolean {
	return host.health === "healthy" && !host.excluded;
}

/** The share of the healthy hosts that each locality has. */
function computeShares(localities: readonly LocalityHosts[]): number[] {
	const counts = localities.map(({ hosts }) => hosts.filter(isUsable).length);
	const total = counts.reduce((sum, count) => sum + count, 0);
	return counts.map((count) => (total === 0 ? 0 : Math.floor((whole * count) / total)));
}

function isPanicking(localities: readonly LocalityHosts[], threshold: number): boolean {
	let counted = 0;
	let usable = 0;
	for (const { hosts } of localities) {
		for (const host of hosts) {
			if (host.excluded) continue;
			counted++;
			if (host.health !== "unhealthy") usable++;
		}
	}
	return (counted === 0 ? 0 : (100 * usable) / counted) < threshold;
}
