import { create } from "@bufbuild/protobuf";
import { HealthStatus } from "../../api/gen/envoy/config/core/v3/health_check_pb.js";
import { type LbEndpoint, LbEndpointSchema } from "../../api/gen/envoy/config/endpoint/v3/endpoint_components_pb.js";
import {
	type ClusterLoadAssignment,
	ClusterLoadAssignmentSchema,
} from "../../api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import {
	type InstanceHealth,
	type Labels,
	type Locality,
	matchesLabels,
	type Service,
	type ServiceEndpoint,
	type ServicePort,
	type Subset,
	type WorkloadInstance,
} from "../../model/index.ts";
import { type Placement, placeEndpoints } from "./locality.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { pipeAddress, socketAddress } from "./messages.ts";
import { takesMutualTls } from "./mutual-tls.ts";
import { hostOf, outboundClusterName } from "./names.ts";
import { findTargetPort } from "./port.ts";

const healthStatuses: Record<Exclude<InstanceHealth, "starting">, HealthStatus> = {
	ready: HealthStatus.HEALTHY,
	unready: HealthStatus.UNHEALTHY,
	draining: HealthStatus.DRAINING,
};

/** Where something answers for a service port, and whether it takes mutual TLS there. */
export interface ResolvedEndpoint {
	/** Undefined for an endpoint that only the service's object tells. */
	readonly instance?: WorkloadInstance;
	/** IP address, DNS name or `unix:///path`. */
	readonly address: string;
	readonly port: number;
	readonly isMutualTls: boolean;
	readonly health: Exclude<InstanceHealth, "starting">;
	readonly weight: number;
	readonly labels: Labels;
	readonly locality?: Locality;
	readonly nodeName?: string;
	/** What it was made of, for the question whether it changed. */
	readonly origin: WorkloadInstance | ServiceEndpoint;
}

/** The endpoints of a service port, or of one subset; instances that are still starting are left out. */
export function resolveEndpoints(
	index: MeshIndex,
	service: Service,
	port: ServicePort,
	subset?: Subset,
): ResolvedEndpoint[] {
	const isIn = (labels: Labels): boolean => subset === undefined || matchesLabels(subset.labels, labels);
	const listed = (service.endpoints ?? []).flatMap((endpoint) =>
		isIn(endpoint.labels) ? (resolveListed(index, endpoint, port) ?? []) : [],
	);
	const selected = index
		.instancesOf(service)
		.flatMap((instance) => (isIn(instance.labels) ? (resolveInstance(index, instance, port) ?? []) : []));
	return [...listed, ...selected];
}

function resolveInstance(
	index: MeshIndex,
	instance: WorkloadInstance,
	port: ServicePort,
): ResolvedEndpoint | undefined {
	const { address, labels, locality, nodeName, health } = instance;
	if (health === "starting") return undefined;
	const target =
		instance.gatewayPorts === undefined ? resolveTarget(index, instance, port) : findGatewayPort(port, instance);
	if (target === undefined) return undefined;
	const { number, isMutualTls } = target;
	return {
		instance,
		address,
		port: number,
		isMutualTls,
		health,
		weight: 1,
		labels,
		...(locality !== undefined && { locality }),
		...(nodeName !== undefined && { nodeName }),
		origin: instance,
	};
}

interface Target {
	readonly number: number;
	readonly isMutualTls: boolean;
}

function resolveTarget(index: MeshIndex, instance: WorkloadInstance, port: ServicePort): Target | undefined {
	const workload = index.workload({ namespace: instance.namespace, name: instance.workload });
	const target = findTargetPort(port, instance, workload);
	return target && { number: target.meshPort, isMutualTls: takesMutualTls(index, instance, target) };
}

/** Where a gateway listens for a port of the Service in front of it: what its servers say of the Service's port, or of the target's. What they
 *  speak is theirs to say: none of it is automatic mutual TLS. */
function findGatewayPort(
	{ port, targetPort }: ServicePort,
	{ gatewayPorts = [] }: WorkloadInstance,
): Target | undefined {
	const found = [port, targetPort].flatMap((number) => gatewayPorts.find((one) => one.port === number) ?? []);
	return found[0] && { number: found[0].listenPort, isMutualTls: false };
}

/** The port of a listed endpoint: its own of that name, else the service's target port by number. Undefined when it is known not to have
 *  that port. */
function resolveListed(
	index: MeshIndex,
	endpoint: ServiceEndpoint,
	{ name, port, targetPort }: ServicePort,
): ResolvedEndpoint | undefined {
	const { address, labels, locality, nodeName, health, weight } = endpoint;
	if (endpoint.hasOnlyNamedPorts === true && endpoint.ports[name] === undefined) return undefined;
	const number = endpoint.ports[name] ?? (typeof targetPort === "number" ? targetPort : port);
	const instance = index.instanceAt(address);
	const instancePort = instance?.ports.find(({ appPort }) => appPort === number);
	const declared = endpoint.isMutualTls;
	const isMutualTls =
		instance === undefined || instancePort === undefined
			? (declared ?? instance?.pattern === "sidecar")
			: declared !== false &&
				takesMutualTls(index, declared === true ? { ...instance, pattern: "sidecar" } : instance, instancePort);
	return {
		...(instance !== undefined && { instance }),
		address,
		port: instancePort?.meshPort ?? number,
		isMutualTls,
		health,
		weight,
		labels,
		...(locality !== undefined && { locality }),
		...(nodeName !== undefined && { nodeName }),
		origin: endpoint,
	};
}

/** Whether every endpoint that a service port has or may get takes mutual TLS: then nothing else need be offered to clients. */
export function isMutualTlsOnly(index: MeshIndex, service: Service, port: ServicePort): boolean {
	return (
		service.isExternal !== true &&
		index.workloadsOf(service).every(({ pattern }) => pattern !== "none") &&
		index.instancesOf(service).every(({ pattern }) => pattern !== "none") &&
		resolveEndpoints(index, service, port).every(({ isMutualTls }) => isMutualTls)
	);
}

/** An empty assignment is still one: a client waits for it.
 *  @param placement where endpoints stand for the client; all alike without it */
export function translateAssignment(
	index: MeshIndex,
	service: Service,
	port: ServicePort,
	subset: string,
	endpoints: readonly ResolvedEndpoint[],
	placement?: Placement,
): ClusterLoadAssignment {
	return create(ClusterLoadAssignmentSchema, {
		clusterName: outboundClusterName(hostOf(service, index.mesh.settings), port.port, subset),
		endpoints: placeEndpoints(endpoints, placement).map(({ locality, priority, weight, endpoints: placed }) => ({
			locality: { ...locality },
			priority,
			loadBalancingWeight: weight,
			lbEndpoints: placed.map((endpoint) => translateEndpoint(endpoint)),
		})),
	});
}

function translateEndpoint(endpoint: ResolvedEndpoint): LbEndpoint {
	const { address, port, health, weight, isMutualTls } = endpoint;
	return create(LbEndpointSchema, {
		hostIdentifier: { case: "endpoint", value: { address: endpointAddress(address, port) } },
		healthStatus: healthStatuses[health],
		loadBalancingWeight: weight,
		metadata: {
			filterMetadata: {
				...(isMutualTls && { "envoy.transport_socket_match": { tlsMode: "istio" } }),
				istio: { workload: describeWorkload(endpoint) },
			},
		},
	});
}

function endpointAddress(address: string, port: number) {
	return address.startsWith("unix://") ? pipeAddress(address.slice("unix://".length)) : socketAddress(address, port);
}

/** Workload, namespace, canonical name and revision, and cluster, as Istio's telemetry reads them. */
function describeWorkload({ instance, labels, origin }: ResolvedEndpoint): string {
	const workload = instance?.workload ?? origin.workload ?? "";
	const canonicalName = labels["service.istio.io/canonical-name"] ?? labels["app"] ?? workload;
	const revision = labels["service.istio.io/canonical-revision"] ?? labels["version"] ?? "latest";
	return [workload, origin.namespace, canonicalName, revision, "amime"].join(";");
}
