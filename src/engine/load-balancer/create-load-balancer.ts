import { invariant } from "../../core/index.ts";
import { ConsistentHashBalancer } from "./consistent-hash-balancer.ts";
import { PriorityBalancer } from "./priority-balancer.ts";
import { SubsetBalancer } from "./subset-balancer.ts";
import type {
	BalancedHost,
	BalancerConfig,
	BalancerStats,
	CommonBalancerConfig,
	LoadBalancer,
	SubsetConfig,
} from "./types.ts";

/** What a balancer is made from. */
export interface LoadBalancerOptions {
	/** Any policy but that of a cluster which chooses itself. */
	readonly config: BalancerConfig;
	readonly common: CommonBalancerConfig;
	readonly subsets: SubsetConfig | undefined;
	readonly stats: BalancerStats;
}

/** Creates the balancer of a cluster; it has no hosts yet. */
export function createLoadBalancer<H extends BalancedHost>(options: LoadBalancerOptions): LoadBalancer<H> {
	const { subsets, common, stats } = options;
	if (subsets === undefined) return createPlainBalancer(options.config, common, stats);
	const inSubset = { ...common, localityWeighted: common.localityWeighted && subsets.localityWeightAware };
	return new SubsetBalancer<H>(subsets, stats, () => createPlainBalancer(options.config, inSubset, stats));
}

function createPlainBalancer<H extends BalancedHost>(
	config: BalancerConfig,
	common: CommonBalancerConfig,
	stats: BalancerStats,
): LoadBalancer<H> {
	switch (config.kind) {
		case "round-robin":
		case "least-request":
		case "random":
			return new PriorityBalancer<H>(config, common, stats);
		case "ring-hash":
		case "maglev":
			return new ConsistentHashBalancer<H>(config, common, stats);
		case "cluster-provided":
			invariant(false, "a cluster that provides its own balancer needs none");
	}
}
