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
import { circuitBreakersOf, unlimitedCircuitBreakers } from "../traffic-policy.ts";
import { findIngressSidecar, listInboundPorts } from "./inbound-port.ts";

/** Where connections to ports end that no Service leads to: wherever the client wanted. */
export const inboundPassthroughClusterName = "InboundPassthroughCluster";

/** The clusters behind `virtualInbound`. */
export function translateCapturedInboundClusters(index: MeshIndex, instance: WorkloadInstance): Cluster[] {
	const services = index.servicesOf(instance);
	const whole = findIngressSidecar(index, instance)?.inboundConnectionPool;
	const clusters = listInboundPorts(index, instance).map(({ appPort, protocol, endpoint, connectionPool = whole }) => {
		const cluster = applicationCluster(appPort, protocol, endpoint.address, endpoint.port);
		const leading = services.filter(({ endpoints = [], ports }) =>
			endpoints.length === 0
				? ports.some(({ targetPort }) => targetPort === appPort)
				: endpoints.some(
						({ address, ports: numbers }) => address === instance.address && Object.values(numbers).includes(appPort),
					),
		);
		if (leading.length > 0) cluster.metadata = create(MetadataSchema, serviceMetadata(leading, index.mesh.settings));
		if (connectionPool !== undefined) cluster.circuitBreakers = circuitBreakersOf(connectionPool);
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
