import { create } from "@bufbuild/protobuf";
import {
	type Cluster,
	Cluster_DiscoveryType,
	Cluster_LbPolicy,
	ClusterSchema,
} from "../../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
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
		return cluster;
	});
	return [...clusters, passthroughCluster()];
}

function passthroughCluster(): Cluster {
	return create(ClusterSchema, {
		name: inboundPassthroughClusterName,
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.ORIGINAL_DST },
		lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
		connectTimeout: duration(10_000),
		circuitBreakers: unlimitedCircuitBreakers(),
		...httpOptions("downstream", undefined),
	});
}
