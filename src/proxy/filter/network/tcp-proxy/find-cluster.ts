import type { UpstreamCluster } from "../../../connection-pool/index.ts";
import type { TcpProxy } from "./tcp-proxy.ts";

/** Finds a cluster, and asks for one that is not there where the config says whom.
 *  @param done called with undefined when there is none; at once unless somebody is asked
 *  @returns what ends the wait, while there is one */
export function findCluster(
	{ config: { onDemand }, deps }: TcpProxy,
	name: string | undefined,
	done: (upstream: UpstreamCluster | undefined) => void,
): (() => void) | undefined {
	const known = name === undefined ? undefined : deps.getCluster(name);
	const stats = deps.onDemandStats;
	if (known !== undefined || name === undefined || onDemand === undefined || stats === undefined) {
		done(known);
		return undefined;
	}
	stats.on_demand_cluster_attempt.value++;
	return deps.discovery.discover({ name, ...onDemand }, (outcome) => {
		const counted = outcome === "available" ? "success" : outcome;
		stats[`on_demand_cluster_${counted}` as const].value++;
		done(deps.getCluster(name));
	});
}
