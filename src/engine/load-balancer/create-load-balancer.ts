import { invariant } from "../../core/index.ts";
import { ConsistentHashBalancer } from "./consistent-hash-balancer.ts";
import { OverrideHostBalancer } from "./override-host-balancer.ts";
import { PriorityBalancer } from "./priority-balancer.ts";
import { SubsetBalancer } from "./subset-balancer.ts";
import type {
	BalancedHost,
	BalancerConfig,
	BalancerEnvironment,
	CommonBalancerConfig,
	LoadBalancer,
	OverrideHostSource,
	SubsetConfig,
} from "./types.ts";

/** What a balancer is made from. */
export interface LoadBalancerOptions extends BalancerEnvironment {
	/** Any policy but that of a cluster which chooses itself. */
	readonly config: BalancerConfig;
	readonly common: CommonBalancerConfig;
	readonly subsets: SubsetConfig | undefined;
	/** Where requests may name their hosts; undefined when they may not. */
	readonly overrides: readonly OverrideHostSource[] | undefined;
}

/** Creates the balancer of a cluster; it has no hosts yet. */
export function createLoadBalancer<H extends BalancedHost>(options: LoadBalancerOptions): LoadBalancer<H> {
	const balancer = createSplitBalancer<H>(options);
	return options.overrides === undefined ? balancer : new OverrideHostBalancer(balancer, options.overrides);
}

function createSplitBalancer<H extends BalancedHost>(options: LoadBalancerOptions): LoadBalancer<H> {
	const { subsets, common } = options;
	if (subsets === undefined) return createPlainBalancer(options.config, common, options);
	const inSubset = { ...common, localityWeighted: common.localityWeighted && subsets.localityWeightAware };
	return new SubsetBalancer<H>(subsets, options.stats, () => createPlainBalancer(options.config, inSubset, options));
}

function createPlainBalancer<H extends BalancedHost>(
	config: BalancerConfig,
	common: CommonBalancerConfig,
	environment: BalancerEnvironment,
): LoadBalancer<H> {
	switch (config.kind) {
		case "round-robin":
		case "least-request":
		case "random":
		case "peak-ewma":
		case "client-side-weighted":
			return new PriorityBalancer<H>(config, common, environment);
		case "ring-hash":
		case "maglev":
			return new ConsistentHashBalancer<H>(config, common, environment);
		case "cluster-provided":
			invariant(false, "a cluster that provides its own balancer needs none");
	}
}
