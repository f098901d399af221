import { isIP } from "node:net";
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import {
	type Cluster,
	Cluster_DiscoveryType,
	Cluster_LbPolicy,
	ClusterSchema,
} from "../../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { ClusterLoadAssignment } from "../../../api/gen/envoy/config/endpoint/v3/endpoint_pb.js";
import { LeastRequestSchema } from "../../../api/gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.js";
import { RoundRobinSchema } from "../../../api/gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.js";
import { WrrLocalitySchema } from "../../../api/gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.js";
import type {
	LoadBalancer,
	OutlierDetection,
	Service,
	ServicePort,
	Subset,
	TrafficPolicy,
} from "../../../model/index.ts";
import type { Client } from "../client.ts";
import { mutualTlsUseOf } from "../cluster.ts";
import { type ResolvedEndpoint, resolveEndpoints, translateAssignment } from "../endpoint.ts";
import { resolvePlacement } from "../locality.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { adsSource, duration, packAny, socketAddress, stringMatcher } from "../messages.ts";
import { resolveMutualTlsMode } from "../mutual-tls.ts";
import { hostOf, outboundClusterName } from "../names.ts";
import type { ClusterInit } from "../traffic-policy.ts";
import { peersOf } from "../upstream-tls.ts";
import { proxylessOriginatedTls, proxylessUpstreamTls } from "./tls.ts";

/** A cluster for gRPC clients with its endpoints when they come over EDS. */
export interface ProxylessCluster {
	readonly cluster: Cluster;
	readonly assignment?: ClusterLoadAssignment;
}

/** One service port as a gRPC client sees it, or one subset of it. */
export function translateProxylessCluster(
	index: MeshIndex,
	client: Client,
	service: Service,
	port: ServicePort,
	policy: TrafficPolicy,
	subset?: Subset,
): ProxylessCluster {
	const host = hostOf(service, index.mesh.settings);
	const name = outboundClusterName(host, port.port, subset?.name);
	const security = resolveSecurity(index, service, port, policy);
	const endpoints = resolveEndpoints(index, service, port, subset);
	const named = endpoints.find(({ address }) => isIP(address) === 0 && !address.startsWith("unix:"));
	const isNamed = named !== undefined || (service.resolution ?? "endpoints") !== "endpoints";
	const common: Partial<ClusterInit> = {
		name,
		...balancer(policy.loadBalancer),
		...(policy.connectionPool?.http2MaxRequests !== undefined &&
			policy.connectionPool.http2MaxRequests > 0 && {
				circuitBreakers: { thresholds: [{ maxRequests: policy.connectionPool.http2MaxRequests }] },
			}),
		...(policy.outlierDetection !== undefined && { outlierDetection: translateOutlier(policy.outlierDetection) }),
		...(security.socket !== undefined && { transportSocket: security.socket }),
		...loadReports,
	};
	if (isNamed && (named !== undefined || endpoints.length === 0))
		return { cluster: dnsCluster(common, named?.address ?? host, named?.port ?? port.port) };
	const usable = listUsable(index, endpoints, security.socket !== undefined);
	const placement = resolvePlacement(service, policy, client);
	return {
		cluster: create(ClusterSchema, { ...common, ...endpointDiscovery(name) }),
		assignment: translateAssignment(index, service, port, subset?.name ?? "", usable, placement),
	};
}

/** A cluster that has no endpoints: calls to it fail as UNAVAILABLE, at once. */
export function translateUnusableCluster(name: string): Cluster {
	return create(ClusterSchema, { name, ...balancer(undefined), ...endpointDiscovery(name) });
}

/** Load is told to the server that the cluster came from (gRFC A27). */
const loadReports: Partial<ClusterInit> = { lrsServer: { configSourceSpecifier: { case: "self", value: {} } } };

function endpointDiscovery(name: string): Partial<ClusterInit> {
	return {
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
		edsClusterConfig: { edsConfig: adsSource(), serviceName: name },
	};
}

/** gRPC resolves one name a cluster (gRFC A37). */
function dnsCluster(common: Partial<ClusterInit>, address: string, port: number): Cluster {
	return create(ClusterSchema, {
		...common,
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.LOGICAL_DNS },
		loadAssignment: {
			endpoints: [
				{
					lbEndpoints: [{ hostIdentifier: { case: "endpoint", value: { address: socketAddress(address, port) } } }],
				},
			],
		},
	});
}

/** gRPC has one transport for all endpoints of a cluster: mutual TLS where all take it, else what a DestinationRule says, else none. */
function resolveSecurity(index: MeshIndex, service: Service, port: ServicePort, { tls }: TrafficPolicy) {
	const exact = (names: readonly string[]) => names.map((name) => stringMatcher("exact", name));
	const names = tls?.subjectAltNames ?? [];
	const ofMesh = () => proxylessUpstreamTls(names.length > 0 ? exact(names) : peersOf(index, service));
	switch (tls?.mode) {
		case "DISABLE":
			return {};
		case "ISTIO_MUTUAL":
			return { socket: ofMesh() };
		case "SIMPLE":
		case "MUTUAL":
			return { socket: proxylessOriginatedTls(exact(names.length > 0 ? names : (service.subjectAltNames ?? []))) };
		default:
			return mutualTlsUseOf(index, service, port) === "all" ? { socket: ofMesh() } : {};
	}
}

/** Without those that would refuse plain text when that is what the cluster speaks, and each address once: gRPC refuses doubles. */
function listUsable(
	index: MeshIndex,
	endpoints: readonly ResolvedEndpoint[],
	isSecure: boolean,
): readonly ResolvedEndpoint[] {
	const seen = new Set<string>();
	return endpoints.filter((endpoint) => {
		const key = `${endpoint.address} ${endpoint.port}`;
		if (isIP(endpoint.address) === 0 || seen.has(key) || (!isSecure && refusesPlainText(index, endpoint))) return false;
		seen.add(key);
		return true;
	});
}

function refusesPlainText(index: MeshIndex, { instance, port, isMutualTls }: ResolvedEndpoint): boolean {
	const own = instance?.ports.find(({ meshPort }) => meshPort === port);
	if (instance === undefined || own === undefined || !isMutualTls) return false;
	return instance.pattern === "proxyless" || resolveMutualTlsMode(index, instance, own) === "STRICT";
}

/** Not every client has `least_request` (gRFC A48): those take the next of the list (A52). */
function balancer(wanted: LoadBalancer | undefined): Partial<ClusterInit> {
	if (wanted?.consistentHash !== undefined) {
		const { algorithm } = wanted.consistentHash;
		const size = algorithm.kind === "ring" ? algorithm.minimumRingSize : 0;
		return {
			lbPolicy: Cluster_LbPolicy.RING_HASH,
			...(size > 0 && { lbConfig: { case: "ringHashLbConfig", value: { minimumRingSize: BigInt(size) } } }),
		};
	}
	if (wanted?.algorithm !== "LEAST_REQUEST") return { lbPolicy: Cluster_LbPolicy.ROUND_ROBIN };
	const policies = [
		{ typedExtensionConfig: balancerExtension("least_request", LeastRequestSchema, {}) },
		{ typedExtensionConfig: balancerExtension("round_robin", RoundRobinSchema, {}) },
	];
	const wrapped = balancerExtension("wrr_locality", WrrLocalitySchema, { endpointPickingPolicy: { policies } });
	return {
		lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
		loadBalancingPolicy: { policies: [{ typedExtensionConfig: wrapped }] },
	};
}

function balancerExtension<D extends DescMessage>(name: string, schema: D, init: MessageInitShape<D>) {
	return { name: `envoy.load_balancing_policies.${name}`, typedConfig: packAny(schema, init) };
}

/** Errors in a row that eject where a rule does not say (Istio). */
const defaultErrors = 5;

/** gRPC ejects by the share of failed calls of an interval, not by errors in a row (gRFC A50): more than half of at least as many calls
 *  as errors were asked for. */
function translateOutlier(detection: OutlierDetection): NonNullable<ClusterInit["outlierDetection"]> {
	const { consecutive5xxErrors, consecutiveGatewayErrors, intervalMs, baseEjectionTimeMs, maxEjectionPercent } =
		detection;
	const counts = [consecutive5xxErrors ?? defaultErrors, consecutiveGatewayErrors ?? 0].filter((count) => count > 0);
	return {
		enforcingSuccessRate: 0,
		enforcingFailurePercentage: counts.length > 0 ? 100 : 0,
		failurePercentageThreshold: 50,
		failurePercentageMinimumHosts: 1,
		failurePercentageRequestVolume: counts.length > 0 ? Math.min(...counts) : defaultErrors,
		...(intervalMs !== undefined && { interval: duration(intervalMs) }),
		...(baseEjectionTimeMs !== undefined && { baseEjectionTime: duration(baseEjectionTimeMs) }),
		...(maxEjectionPercent !== undefined && maxEjectionPercent > 0 && { maxEjectionPercent }),
	};
}
