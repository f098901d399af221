/** The choice of a host: balancing policies, priorities, panic, localities, subsets. Spec: Envoy "load balancing". */
export { createLoadBalancer, type LoadBalancerOptions } from "./create-load-balancer.ts";
export {
	computePriorityLoads,
	type PriorityCounts,
	type PriorityLoads,
	type PriorityLoadTerms,
} from "./priority-load.ts";
export type {
	AssignmentTerms,
	BalancedHost,
	BalancerConfig,
	BalancerContext,
	BalancerStats,
	CommonBalancerConfig,
	ConsistentHashing,
	HostHealth,
	LoadBalancer,
	LocalityHosts,
	SlowStartConfig,
	SubsetConfig,
} from "./types.ts";
