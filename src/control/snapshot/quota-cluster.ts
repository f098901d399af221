import { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { packResource, type XdsResource } from "../../xds/server/index.ts";
import { type QuotaServer, translateQuotaCluster } from "../translate/index.ts";
import type { Memo } from "./memo.ts";

/** The cluster that quota leases come from; none while nobody serves. */
export function quotaClusters(server: QuotaServer | undefined, memo: Memo): XdsResource[] {
	if (server === undefined) return [];
	return memo.get("quota cluster", [server.host, server.port], () => {
		const cluster = translateQuotaCluster(server);
		return [packResource(ClusterSchema, cluster.name, cluster)];
	});
}
