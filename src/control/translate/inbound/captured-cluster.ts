import { isIP } from "node:net";
import { create } from "@bufbuild/protobuf";
import {
	type Cluster,
	Cluster_DiscoveryType,
	Cluster_LbPolicy,
	ClusterSchema,
} from "../../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { type BindConfig, BindConfigSchema } from "../../../api/gen/envoy/config/core/v3/address_pb.js";
import { MetadataSchema } from "../../../api/gen/envoy/config/core/v3/base_pb.js";
import type { WorkloadInstance } from "../../../model/index.ts";
import { httpOptions } from "../http-options.ts";
import { applicationCluster } from "../local-cluster.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { duration } from "../messages.ts";
import { serviceMetadata } from "../names.ts";
import { unlimitedCircuitBreakers } from "../traffic-policy.ts";
import { findInboundPool } from "./inbound-pool.ts";
import { listInboundPorts } from "./inbound-port.ts";
import { leadingServices } from "./leading-services.ts";

/** Where connections to ports end that no Service leads to: wherever the client wanted. */
export const inboundPassthroughClusterName = "InboundPassthroughCluster";

/** The clusters behind `virtualInbound`. */
export function translateCapturedInboundClusters(index: MeshIndex, instance: WorkloadInstance): Cluster[] {
	const clusters = listInboundPorts(index, instance).map(({ appPort, protocol, endpoint, connectionPool }) => {
		const leading = leadingServices(index, instance, appPort);
		const pool = findInboundPool(index, instance, leading, connectionPool);
		const cluster = applicationCluster(appPort, protocol, endpoint, pool);
		const services = leading.map(({ service }) => service);
		if (services.length > 0) cluster.metadata = create(MetadataSchema, serviceMetadata(services, index.mesh.settings));
		const source = sourceTowards(endpoint.address);
		if (source !== undefined) cluster.upstreamBindConfig = source;
		return cluster;
	});
	return [...clusters, passthroughCluster(instance.address)];
}

/** Where connections to the workload's own address come from: the kernel redirects what a proxy sends there back to it, unless it comes from
 *  here. Undefined for addresses that are not redirected. Spec: Istio's rules of capture, `inboundPassthroughSourceIP`. */
function sourceTowards(address: string): BindConfig | undefined {
	const family = isIP(address);
	if (family === 0 || address === "::1" || address.startsWith("127.")) return undefined;
	const source = family === 4 ? "127.0.0.6" : "::6";
	return create(BindConfigSchema, {
		sourceAddress: { address: source, portSpecifier: { case: "portValue", value: 0 } },
	});
}

function passthroughCluster(address: string): Cluster {
	const source = sourceTowards(address);
	return create(ClusterSchema, {
		...(source !== undefined && { upstreamBindConfig: source }),
		name: inboundPassthroughClusterName,
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.ORIGINAL_DST },
		lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
		connectTimeout: duration(10_000),
		circuitBreakers: unlimitedCircuitBreakers(),
		...httpOptions("downstream", undefined),
	});
}
