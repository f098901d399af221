import { create } from "@bufbuild/protobuf";
import { HealthStatus } from "../../api/gen/envoy/config/core/v3/health_check_pb.js";
import { type LbEndpoint, LbEndpointSchema } from "../../api/gen/envoy/config/endpoint/v3/endpoint_components_pb.js";
import {
	type ClusterLoadAssignment,
	ClusterLoadAssignmentSchema,
} from "../../api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import {
	type InstanceHealth,
	matchesLabels,
	type Service,
	type ServicePort,
	type Subset,
	type WorkloadInstance,
} from "../../model/index.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { socketAddress } from "./messages.ts";
import { resolveMutualTlsMode } from "./mutual-tls.ts";
import { hostOf, outboundClusterName } from "./names.ts";
import { findTargetPort } from "./port.ts";

const healthStatuses: Record<Exclude<InstanceHealth, "starting">, HealthStatus> = {
	ready: HealthStatus.HEALTHY,
	unready: HealthStatus.UNHEALTHY,
	draining: HealthStatus.DRAINING,
};

/** Where an instance answers for a service port, and whether it takes mutual TLS there. */
export interface ResolvedEndpoint {
	readonly instance: WorkloadInstance;
	readonly port: number;
	readonly isMutualTls: boolean;
}

/** The endpoints of a service port, or of one subset; instances that are still starting are left out. */
export function resolveEndpoints(
	index: MeshIndex,
	service: Service,
	port: ServicePort,
	subset?: Subset,
): ResolvedEndpoint[] {
	return index.instancesOf(service).flatMap((instance) => {
		if (instance.health === "starting" || (subset !== undefined && !matchesLabels(subset.labels, instance.labels)))
			return [];
		const target = findTargetPort(
			port,
			instance,
			index.workload({ namespace: instance.namespace, name: instance.workload }),
		);
		if (target === undefined) return [];
		const isMutualTls = instance.pattern === "sidecar" && resolveMutualTlsMode(index, instance, target) !== "DISABLE";
		return [{ instance, port: target.meshPort, isMutualTls }];
	});
}

/** Whether every endpoint that a service port has or may get takes mutual TLS: then nothing else need be offered to clients. */
export function isMutualTlsOnly(index: MeshIndex, service: Service, port: ServicePort): boolean {
	return (
		index.workloadsOf(service).every(({ pattern }) => pattern === "sidecar") &&
		index.instancesOf(service).every(({ pattern }) => pattern === "sidecar") &&
		resolveEndpoints(index, service, port).every(({ isMutualTls }) => isMutualTls)
	);
}

/** An empty assignment is still one: a client waits for it. */
export function translateAssignment(
	index: MeshIndex,
	service: Service,
	port: ServicePort,
	subset: string,
	endpoints: readonly ResolvedEndpoint[],
): ClusterLoadAssignment {
	return create(ClusterLoadAssignmentSchema, {
		clusterName: outboundClusterName(hostOf(service, index.mesh.settings), port.port, subset),
		...(endpoints.length > 0 && {
			endpoints: [
				{
					locality: {},
					loadBalancingWeight: endpoints.length,
					lbEndpoints: endpoints.map((endpoint) => translateEndpoint(endpoint)),
				},
			],
		}),
	});
}

function translateEndpoint({ instance, port, isMutualTls }: ResolvedEndpoint): LbEndpoint {
	const canonicalName =
		instance.labels["service.istio.io/canonical-name"] ?? instance.labels["app"] ?? instance.workload;
	const revision = instance.labels["service.istio.io/canonical-revision"] ?? instance.labels["version"] ?? "latest";
	return create(LbEndpointSchema, {
		hostIdentifier: { case: "endpoint", value: { address: socketAddress(instance.address, port) } },
		healthStatus: healthStatuses[instance.health as keyof typeof healthStatuses],
		loadBalancingWeight: 1,
		metadata: {
			filterMetadata: {
				...(isMutualTls && { "envoy.transport_socket_match": { tlsMode: "istio" } }),
				istio: { workload: [instance.workload, instance.namespace, canonicalName, revision, "amime"].join(";") },
			},
		},
	});
}
