import { type Cluster, ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { ClusterPatchMatch, PatchContext } from "../../model/index.ts";
import type { CompiledPatch } from "./compile.ts";
import { mergeMessages } from "./merge.ts";
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
		merge: (item, change) => mergeMessages(ClusterSchema, item, change),
	});
}

function sideOf({ name }: Cluster, isGateway: boolean): Exclude<PatchContext, "ANY"> {
	if (isGateway) return "GATEWAY";
	return name.startsWith("inbound|") || name.startsWith("InboundPassthrough") ? "SIDECAR_INBOUND" : "SIDECAR_OUTBOUND";
}

/** `outbound|80|v1|reviews.shop.svc.cluster.local`, `inbound|8080||`. */
function matchesCluster({ name }: Cluster, match: ClusterPatchMatch = {}): boolean {
	if (match.name !== undefined && match.name !== name) return false;
	if (match.portNumber === undefined && match.service === undefined && match.subset === undefined) return true;
	const [, port, subset = "", host] = name.split("|");
	if (match.portNumber !== undefined && Number(port) !== match.portNumber) return false;
	if (match.service !== undefined && match.service !== "*" && match.service !== host) return false;
	return match.subset === undefined || match.subset === subset;
}
