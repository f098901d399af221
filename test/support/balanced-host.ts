import type {
	AssignmentTerms,
	BalancedHost,
	BalancerContext,
	BalancerStats,
	CommonBalancerConfig,
	LocalityHosts,
} from "../../src/engine/load-balancer/index.ts";
import { emptyRuntime } from "../../src/engine/runtime/index.ts";

/** A host for balancers: healthy, of weight 1, at `10.0.0.1:<number>`. */
export function createBalancedHost(port: number, options: Partial<BalancedHost> = {}): BalancedHost {
	const address = options.address ?? `10.0.0.1:${port}`;
	return {
		address,
		hostname: "",
		weight: 1,
		metadata: {},
		hashKey: address,
		health: "healthy",
		activeRequests: 0,
		priority: 0,
		canary: false,
		excluded: false,
		healthySince: Number.NEGATIVE_INFINITY,
		...options,
	};
}

/** `count` hosts with ports from 1. */
export function createBalancedHosts(count: number, options: Partial<BalancedHost> = {}): BalancedHost[] {
	return Array.from({ length: count }, (_, index) => createBalancedHost(index + 1, options));
}

/** One locality with these hosts. */
export function locality(hosts: readonly BalancedHost[], weight = 1): LocalityHosts {
	return { name: "", weight, hosts };
}

/** Envoy's defaults. */
export const commonBalancer: CommonBalancerConfig = {
	healthyPanicThreshold: 50,
	localityWeighted: false,
	zoneAware: undefined,
	ignoreNewHostsUntilFirstHealthCheck: false,
	closeConnectionsOnHostSetChange: false,
	updateMergeWindowMs: 1000,
};

/** Envoy's defaults of an assignment. */
export const assignmentTerms: AssignmentTerms = { overprovisioningFactor: 140, weightedPriorityHealth: false };

/** A balancer's surroundings without anything in them. */
export const plainSurroundings = {
	subsets: undefined,
	overrides: undefined,
	runtime: emptyRuntime,
	localCluster: undefined,
	tableGauges: undefined,
};

/** Statistics at zero. */
export function createBalancerStats(): BalancerStats {
	const count = (): { value: number } => ({ value: 0 });
	return {
		lb_healthy_panic: count(),
		lb_local_cluster_not_ok: count(),
		lb_recalculate_zone_structures: count(),
		lb_zone_cluster_too_small: count(),
		lb_zone_no_capacity_left: count(),
		lb_zone_routing_all_directly: count(),
		lb_zone_routing_cross_zone: count(),
		lb_zone_routing_sampled: count(),
		lb_subsets_single_host_per_subset_duplicate: count(),
		lb_subsets_active: count(),
		lb_subsets_created: count(),
		lb_subsets_removed: count(),
		lb_subsets_selected: count(),
		lb_subsets_fallback: count(),
		lb_subsets_fallback_panic: count(),
		upstream_rq_active: count(),
	};
}

/** A request without wishes, or with those given. */
export function createBalancerContext<H extends BalancedHost = BalancedHost>(
	options: Partial<BalancerContext<H>> = {},
): BalancerContext<H> {
	return {
		hash: undefined,
		metadataMatch: undefined,
		shouldSelectAnotherHost: () => false,
		hostSelectionMaxAttempts: 1,
		attemptedPriorities: undefined,
		...options,
	};
}
