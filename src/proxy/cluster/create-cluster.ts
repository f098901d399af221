import { assertNever } from "../../core/index.ts";
import type { LocalCluster } from "../../engine/load-balancer/index.ts";
import type { ClusterConfig } from "../runtime-config/index.ts";
import { createDnsStats } from "../stats/index.ts";
import { AggregateCluster } from "./aggregate-cluster.ts";
import type { Cluster } from "./cluster.ts";
import type { ClusterDeps } from "./cluster-core.ts";
import { createDnsResolver } from "./dns/dns-resolver.ts";
import { LogicalDnsDiscovery } from "./dns/logical-dns-discovery.ts";
import { StrictDnsDiscovery } from "./dns/strict-dns-discovery.ts";
import { DynamicForwardCluster } from "./dynamic-forward-cluster.ts";
import { EndpointCluster } from "./endpoint-cluster.ts";
import { formatLocality } from "./host.ts";
import { OriginalDestinationCluster } from "./original-destination-cluster.ts";

/** Creates a cluster and starts what finds its hosts. An EDS cluster waits for {@link Cluster.updateAssignment}.
 *  `getCluster` finds the members of an aggregate. */
export function createCluster(
	config: ClusterConfig,
	deps: ClusterDeps,
	getCluster: (name: string) => Cluster | undefined = () => undefined,
): Cluster {
	const { discovery } = config;
	const local = findLocalCluster(config, deps, getCluster);
	if (deps.leader !== undefined && isFound(discovery.kind)) return new EndpointCluster(config, deps, local);
	switch (discovery.kind) {
		case "static": {
			const cluster = new EndpointCluster(config, deps, local);
			cluster.updateAssignment(discovery.assignment);
			return cluster;
		}
		case "eds":
			return new EndpointCluster(config, deps, local);
		case "strict-dns":
		case "logical-dns": {
			const cluster = new EndpointCluster(config, deps, local);
			const resolver = deps.resolver ?? createDnsResolver(createDnsStats(deps.stats.scope("dns.cares")));
			const Discovery = discovery.kind === "strict-dns" ? StrictDnsDiscovery : LogicalDnsDiscovery;
			const running = new Discovery(cluster, discovery.assignment, discovery.dns, resolver);
			cluster.own(() => running.close());
			running.start();
			return cluster;
		}
		case "original-dst":
			return new OriginalDestinationCluster(config, discovery, deps);
		case "dynamic-forward":
			return new DynamicForwardCluster(config, discovery.cache, deps);
		case "aggregate":
			return new AggregateCluster(config, discovery.clusters, deps, getCluster);
		default:
			return assertNever(discovery);
	}
}

/** Whether the hosts of such a cluster are found by one for all threads. */
function isFound(kind: ClusterConfig["discovery"]["kind"]): boolean {
	return kind === "static" || kind === "eds" || kind === "strict-dns" || kind === "logical-dns";
}

/** The proxies' own cluster as it is at the moment of asking; undefined where balancing knows no zones. */
function findLocalCluster(
	config: ClusterConfig,
	deps: ClusterDeps,
	getCluster: (name: string) => Cluster | undefined,
): LocalCluster | undefined {
	const { localCluster } = deps;
	if (localCluster === undefined || localCluster.name === config.name) return undefined;
	const find = (): EndpointCluster | undefined => {
		const cluster = getCluster(localCluster.name);
		return cluster instanceof EndpointCluster ? cluster : undefined;
	};
	return {
		ownLocality: formatLocality(localCluster.locality),
		get version() {
			return find()?.healthVersion ?? -1;
		},
		get localities() {
			return find()?.firstPriority ?? [];
		},
	};
}
