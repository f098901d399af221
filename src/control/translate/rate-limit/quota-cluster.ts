import type { Cluster } from "../../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { loopbackCluster } from "../outbound/on-demand.ts";
import { quotaClusterName } from "./names.ts";

/** Where the control plane answers proxies. */
export interface QuotaServer {
	readonly host: string;
	readonly port: number;
}

/** The control plane that gave the proxy its configuration, as quota authority. */
export function translateQuotaCluster({ host, port }: QuotaServer): Cluster {
	return loopbackCluster(quotaClusterName, host, port, "http2");
}
