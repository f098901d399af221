/** The choice of a host: balancing policies, priorities, panic, localities, subsets. Spec: Envoy "load balancing". */
export { anyHost } from "./any-host.ts";
export { createLoadBalancer, type LoadBalancerOptions } from "./create-load-balancer.ts";
export { HostLoad, type LoadReport, parseLoadReport } from "./load-report.ts";
export { PeakLatency } from "./peak-latency.ts";
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
	BalancerEnvironment,
	BalancerStats,
	CommonBalancerConfig,
	ConsistentHashing,
	HashTableGauges,
	HostHealth,
	LoadBalancer,
	LocalCluster,
	LocalityHosts,
	OverrideHost,
	OverrideHostSource,
	SlowStartConfig,
	SubsetConfig,
	ZoneAwareConfig,
} from "./types.ts";
