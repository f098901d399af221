/** The choice of a host: balancing policies, priorities, panic, localities, subsets. Spec: Envoy "load balancing". */
export type {
	BalancedHost,
	BalancerConfig,
	BalancerContext,
	CommonBalancerConfig,
	ConsistentHashing,
	HostHealth,
	SlowStartConfig,
	SubsetConfig,
} from "./types.ts";
