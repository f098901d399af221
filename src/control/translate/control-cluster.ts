import { create } from "@bufbuild/protobuf";
import type { Cluster } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { TransportSocketSchema } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { stringMatcher } from "./messages.ts";
import { loopbackCluster, onDemandClusterName } from "./outbound/on-demand.ts";
import { quotaClusterName } from "./rate-limit/names.ts";
import { upstreamTls } from "./tls.ts";

/** Clusters of a proxy that lead to the control plane itself. */
export const controlClusterNames: readonly string[] = [onDemandClusterName, quotaClusterName];

/** One of them for a proxy that reaches the control plane over mutual TLS alone: with the workload's own certificate, to nobody but a control plane
 *  of the trust domain. */
export function translateSecureControlCluster(
	name: string,
	{ host, port }: { readonly host: string; readonly port: number },
	trustDomain: string,
): Cluster {
	const cluster = loopbackCluster(name, host, port, "http2");
	const server = stringMatcher("exact", `spiffe://${trustDomain}/amime/server`);
	cluster.transportSocket = create(TransportSocketSchema, upstreamTls("", [server], ["h2"]));
	return cluster;
}
