import { type Cluster, ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { ClusterPatchMatch, PatchContext } from "../../model/index.ts";
import type { CompiledPatch } from "./compile.ts";
import { listMergeOf, mergeMessages } from "./merge.ts";
import { patchList } from "./patch-list.ts";
import { isInContext } from "./select.ts";

/** The clusters of a proxy with one patch applied. */
export function patchClusters(
	clusters: readonly Cluster[],
	{ patch, value }: CompiledPatch,
	isGateway: boolean,
): readonly Cluster[] {
	if (patch.operation === "ADD") {
		const added = value as Cluster;
		return clusters.some(({ name }) => name === added.name) ? clusters : [...clusters, added];
	}
	return patchList(clusters, {
		operation: patch.operation,
		value: value as Cluster | undefined,
		isMatch: (cluster) =>
			isInContext(patch.context, sideOf(cluster, isGateway)) && matchesCluster(cluster, patch.cluster),
		namesItem: true,
		merge: (item, change) => mergeMessages(ClusterSchema, item, change, listMergeOf(patch)),
	});
}

function sideOf({ name }: Cluster, isGateway: boolean): Exclude<PatchContext, "ANY"> {
	if (isGateway) return "GATEWAY";
	return name.startsWith("inbound|") || name.startsWith("InboundPassthrough") ? "SIDECAR_INBOUND" : "SIDECAR_OUTBOUND";
}

/** `outbound|80|v1|reviews.shop.svc.cluster.local`, `inbound|8080||`: what comes in is told by the services that lead there. A name says
 *  it all. */
function matchesCluster({ name, metadata }: Cluster, match: ClusterPatchMatch = {}): boolean {
	if (match.name !== undefined) return match.name === name;
	if (match.portNumber === undefined && match.service === undefined && match.subset === undefined) return true;
	const [, port, subset = "", host] = name.split("|");
	if (match.portNumber !== undefined && Number(port) !== match.portNumber) return false;
	const hosts = name.startsWith("inbound|") ? leadingHosts(metadata) : [host];
	if (match.service !== undefined && match.service !== "*" && !hosts.includes(match.service)) return false;
	return match.subset === undefined || match.subset === subset;
}

/** The hosts of the services that lead to a port of the workload, as translation writes them down. */
function leadingHosts(metadata: Cluster["metadata"]): unknown[] {
	const services = metadata?.filterMetadata["istio"]?.["services"];
	return Array.isArray(services)
		? services.map((service) => (service as { readonly host?: unknown } | null)?.host)
		: [];
}
