import { PriorityBalancer } from "./priority-balancer.ts";
import type { BalancedHost, BalancerConfig, BalancerStats, CommonBalancerConfig, LoadBalancer } from "./types.ts";

/** What a balancer is made from. */
export interface LoadBalancerOptions {
	readonly config: BalancerConfig;
	readonly common: CommonBalancerConfig;
	readonly stats: BalancerStats;
}

/** Creates the balancer of a cluster; it has no hosts yet. */
export function createLoadBalancer<H extends BalancedHost>(options: LoadBalancerOptions): LoadBalancer<H> {
	const { config, common, stats } = options;
	switch (config.kind) {
		case "round-robin":
		case "least-request":
		case "random":
			return new PriorityBalancer<H>(config, common, stats);
		default:
			throw new Error(`balancer ${config.kind} is chosen by the cluster`);
	}
}
