/** Clusters at work: hosts from static lists, DNS and EDS, their health, the choice among them, circuit breakers, statistics.
 *  Not connections (connection-pool). */
export {
	type Cluster,
	type ClusterResources,
	type ClusterStatName,
	type ClusterStats,
	type Count,
	HealthFlag,
	type Host,
	type HostStats,
	type LocalFailure,
} from "./cluster.ts";
