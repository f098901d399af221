/** Clusters at work: hosts from static lists, DNS and EDS, their health, the choice among them, circuit breakers, statistics.
 *  Not connections (connection-pool). */
export {
	type Cluster,
	type ClusterResources,
	type Count,
	HealthFlag,
	type Host,
	type HostHealthCheck,
	type HostStats,
	type LocalOutcome,
	type OutlierSummary,
} from "./cluster.ts";
export type { ClusterDeps, ClusterFollowers, ClusterLeader } from "./cluster-core.ts";
export { type ClusterManager, createClusterManager } from "./cluster-manager.ts";
export { createCluster } from "./create-cluster.ts";
export { createDnsResolver, type DnsAnswer, type DnsResolver } from "./dns/dns-resolver.ts";
export { DynamicForwardCluster, type NameOutcome } from "./dynamic-forward-cluster.ts";
export { describeHealthFlags, formatHostAddress } from "./host.ts";
