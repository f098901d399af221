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
	type LocalFailure,
} from "./cluster.ts";
export { type ClusterManager, createClusterManager } from "./cluster-manager.ts";
export { type ClusterDeps, createCluster } from "./create-cluster.ts";
export { describeHealthFlags, formatHostAddress } from "./host.ts";
