import { create } from "@bufbuild/protobuf";
import {
	type Cluster,
	Cluster_DiscoveryType,
	Cluster_DnsLookupFamily,
	Cluster_LbPolicy,
	ClusterSchema,
} from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import {
	type BackendTlsPolicy,
	isHttpProtocol,
	type Service,
	type ServicePort,
	type Subset,
	type TrafficPolicy,
} from "../../model/index.ts";
import type { Client } from "./client.ts";
import { isMutualTlsOnly, resolveEndpoints, translateAssignment } from "./endpoint.ts";
import type { HttpVersion } from "./http-options.ts";
import { resolvePlacement } from "./locality.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { adsSource, duration } from "./messages.ts";
import { hostOf, outboundClusterName, serverNameOf, serviceMetadata } from "./names.ts";
import { dynamicForwardDiscovery } from "./outbound/dynamic-forward.ts";
import { isRoutedTo } from "./routed-ports.ts";
import { endsWithPeerCertificate } from "./tls.ts";
import { type ClusterInit, translateTrafficPolicy } from "./traffic-policy.ts";
import { transportSockets, upstreamHttpOptions } from "./upstream-tls.ts";

/** How a cluster finds its endpoints. */
export type ClusterKind = "eds" | "strict-dns" | "logical-dns" | "original-destination" | "dynamic-forward";

/** How the cluster of a service finds its endpoints for a client: where the client was going only when that is known, else of a
 *  wildcard by the name that the client asks for. */
export function clusterKindOf(service: Service, policy: TrafficPolicy, client: Client): ClusterKind {
	if (policy.loadBalancer?.algorithm === "PASSTHROUGH" && client.isCaptured) return "original-destination";
	switch (service.resolution ?? "endpoints") {
		case "dns":
			return "strict-dns";
		case "dns-round-robin":
			return "logical-dns";
		case "dynamic-dns":
			return "dynamic-forward";
		case "passthrough":
			if (client.isCaptured) return "original-destination";
			return service.host?.startsWith("*") === true ? "dynamic-forward" : "strict-dns";
		default:
			return service.isHeadless === true && client.isCaptured ? "original-destination" : "eds";
	}
}

/** Whether endpoints take mutual TLS: all that are or may come, some, or none. */
export type MutualTlsUse = "all" | "some" | "none";

/** What a cluster offers its endpoints without a DestinationRule that settles it. */
export function mutualTlsUseOf(index: MeshIndex, service: Service, port: ServicePort): MutualTlsUse {
	if (!index.mesh.settings.enableAutoMtls || service.isExternal === true) return "none";
	const endpoints = resolveEndpoints(index, service, port);
	const isDeclared = endpoints.length > 0 || index.workloadsOf(service).length > 0;
	if (isDeclared && isMutualTlsOnly(index, service, port)) return "all";
	return endpoints.some(({ isMutualTls }) => isMutualTls) ? "some" : "none";
}

/** One service port as a client sees it, or one subset of it.
 *  @param encrypted how its connections are encrypted, whatever a DestinationRule or mutual TLS would have */
export function translateOutboundCluster(
	index: MeshIndex,
	client: Client,
	service: Service,
	port: ServicePort,
	declared: TrafficPolicy,
	subset?: Subset,
	encrypted?: BackendTlsPolicy,
): Cluster {
	const { tls, ...others } = declared;
	const policy: TrafficPolicy = encrypted === undefined || tls === undefined ? declared : others;
	const host = hostOf(service, index.mesh.settings);
	const kind = clusterKindOf(service, policy, client);
	const isForeign = encrypted !== undefined || kind === "original-destination" || kind === "dynamic-forward";
	const use = isForeign ? "none" : mutualTlsUseOf(index, service, port);
	const version = chooseVersion(speaksAsClients(index, client, service, port), port, policy, use);
	const name = outboundClusterName(host, port.port, subset?.name);
	const upstream = upstreamHttpOptions(policy.tls);
	const metadata = serviceMetadata([service], index.mesh.settings);
	const isOfMesh = policy.tls === undefined ? use !== "none" : policy.tls.mode === "ISTIO_MUTUAL";
	return create(ClusterSchema, {
		name,
		metadata: isOfMesh ? { filterMetadata: { ...metadata.filterMetadata, ...endsWithPeerCertificate } } : metadata,
		...translateTrafficPolicy(policy, version, upstream),
		...discovery(kind, index, client, service, port, policy, subset),
		...transportSockets({
			...(encrypted !== undefined && { encrypted: { policy: encrypted, port } }),
			index,
			clientNamespace: client.namespace,
			service,
			policy,
			use,
			version: isHttpProtocol(port.protocol) || port.protocol === "auto" ? version : undefined,
			sni: serverNameOf(host, port.port, subset?.name),
		}),
	});
}

/** Whether a port of unsaid protocol is spoken to as clients speak. Browsers speak HTTP/2 to a gateway, which says nothing of what is
 *  behind it; calls of gRPC know no other, and in the mesh it is the application's choice. */
export function speaksAsClients(index: MeshIndex, client: Client, service: Service, port: ServicePort): boolean {
	return port.protocol === "auto" && (client.isGateway !== true || isRoutedTo(index, service, port, "GRPCRoute"));
}

/** Between sidecars requests share few connections: HTTP/2, where every endpoint speaks mutual TLS. Limits that count HTTP/1.1's
 *  connections and waiting requests mean what they say, so they keep it. */
function chooseVersion(asClients: boolean, port: ServicePort, policy: TrafficPolicy, use: MutualTlsUse): HttpVersion {
	const { connectionPool } = policy;
	const tlsMode = policy.tls?.mode;
	if (isHttpProtocol(port.protocol) && connectionPool?.usesClientProtocol === true) return "downstream";
	if (port.protocol === "auto") {
		if (connectionPool?.h2UpgradePolicy === "UPGRADE") return "http2";
		return asClients ? "downstream" : "http1";
	}
	if (port.protocol !== "http") return isHttpProtocol(port.protocol) ? "http2" : "http1";
	if (connectionPool?.h2UpgradePolicy === "UPGRADE") return "http2";
	if (connectionPool?.maxConnections !== undefined || connectionPool?.http1MaxPendingRequests !== undefined) {
		return "http1";
	}
	const isSecure = tlsMode === "ISTIO_MUTUAL" || (tlsMode === undefined && use === "all");
	return isSecure && connectionPool?.h2UpgradePolicy !== "DO_NOT_UPGRADE" ? "negotiated" : "http1";
}

function discovery(
	kind: ClusterKind,
	index: MeshIndex,
	client: Client,
	service: Service,
	port: ServicePort,
	policy: TrafficPolicy,
	subset: Subset | undefined,
): Partial<ClusterInit> {
	if (kind === "eds")
		return {
			clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
			edsClusterConfig: { edsConfig: adsSource() },
		};
	if (kind === "dynamic-forward") return { ...dynamicForwardDiscovery(), lbConfig: { case: undefined } };
	if (kind === "original-destination")
		return {
			clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.ORIGINAL_DST },
			lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
			lbConfig: { case: undefined },
			connectTimeout: duration(policy.connectionPool?.connectTimeoutMs ?? passthroughConnectTimeoutMs),
		};
	const type = kind === "strict-dns" ? Cluster_DiscoveryType.STRICT_DNS : Cluster_DiscoveryType.LOGICAL_DNS;
	const named = withOwnName(service, port, index);
	const endpoints = resolveEndpoints(index, named, port, subset);
	const placement = resolvePlacement(service, policy, client);
	return {
		clusterDiscoveryType: { case: "type", value: type },
		dnsLookupFamily: Cluster_DnsLookupFamily.V4_ONLY,
		dnsRefreshRate: duration(index.mesh.settings.dnsRefreshRateMs ?? 60_000),
		respectDnsTtl: true,
		loadAssignment: translateAssignment(index, service, port, subset?.name ?? "", endpoints, placement),
	};
}

/** A host that goes where the client was going is found by its own name where that is not known. */
function withOwnName(service: Service, port: ServicePort, index: MeshIndex): Service {
	if (service.resolution !== "passthrough") return service;
	const { namespace } = service;
	const address = hostOf(service, index.mesh.settings);
	const ports = { [port.name]: port.port };
	return { ...service, endpoints: [{ address, ports, labels: {}, weight: 1, health: "ready", namespace }] };
}

/** As Istio waits for addresses that nothing is known of. */
export const passthroughConnectTimeoutMs = 10_000;
