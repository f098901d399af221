import { create } from "@bufbuild/protobuf";
import {
	type Cluster,
	Cluster_DiscoveryType,
	ClusterSchema,
} from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { isHttpProtocol, type Service, type ServicePort, type TrafficPolicy } from "../../model/index.ts";
import { isMutualTlsOnly } from "./endpoint.ts";
import type { HttpVersion } from "./http-options.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { adsSource, stringMatcher } from "./messages.ts";
import { hostOf, outboundClusterName, serverNameOf, serviceMetadata } from "./names.ts";
import { rawBuffer, upstreamTls } from "./tls.ts";
import { type ClusterInit, translateTrafficPolicy } from "./traffic-policy.ts";

/** One service port as a client sees it, or one subset of it; endpoints come over EDS. */
export function translateOutboundCluster(
	index: MeshIndex,
	service: Service,
	port: ServicePort,
	policy: TrafficPolicy,
	subset = "",
): Cluster {
	const host = hostOf(service, index.mesh.settings);
	const version = chooseVersion(index, service, port, policy);
	return create(ClusterSchema, {
		name: outboundClusterName(host, port.port, subset),
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
		edsClusterConfig: { edsConfig: adsSource() },
		metadata: serviceMetadata([service], index.mesh.settings),
		...translateTrafficPolicy(policy, version),
		...transportSockets(index, service, port, policy, version, serverNameOf(host, port.port, subset)),
	});
}

/** Between sidecars requests share few connections: HTTP/2, where every endpoint speaks mutual TLS. Limits that count HTTP/1.1's
 *  connections and waiting requests mean what they say, so they keep it. */
function chooseVersion(index: MeshIndex, service: Service, port: ServicePort, policy: TrafficPolicy): HttpVersion {
	if (port.protocol !== "http") return isHttpProtocol(port.protocol) ? "http2" : "http1";
	const { connectionPool } = policy;
	const tlsMode = policy.tls?.mode;
	if (connectionPool?.maxConnections !== undefined || connectionPool?.http1MaxPendingRequests !== undefined) {
		return "http1";
	}
	const isSecure = tlsMode === "ISTIO_MUTUAL" || (tlsMode !== "DISABLE" && isMutualTlsOnly(index, service, port));
	return isSecure ? "negotiated" : "http1";
}

const alpnOf: Readonly<Record<HttpVersion, readonly string[]>> = {
	http1: ["http/1.1"],
	http2: ["h2"],
	negotiated: ["h2", "http/1.1"],
	downstream: [],
};

/** Mutual TLS to endpoints that say they take it, plain text to others; a DestinationRule can settle it for all. */
function transportSockets(
	index: MeshIndex,
	service: Service,
	port: ServicePort,
	policy: TrafficPolicy,
	version: HttpVersion,
	sni: string,
): Partial<ClusterInit> {
	if (policy.tls?.mode === "DISABLE") return {};
	const tls = upstreamTls(sni, peersOf(index, service), isHttpProtocol(port.protocol) ? alpnOf[version] : []);
	if (policy.tls?.mode === "ISTIO_MUTUAL" || version === "negotiated") return { transportSocket: tls };
	return {
		transportSocketMatches: [
			{ name: "tlsMode-istio", match: { tlsMode: "istio" }, transportSocket: tls },
			{ name: "tlsMode-disabled", match: {}, transportSocket: rawBuffer() },
		],
	};
}

/** Who may answer for the service: the identities behind it; while none is known, any of its namespace. */
function peersOf(index: MeshIndex, service: Service) {
	const { trustDomain } = index.mesh.settings;
	const accounts = index.serviceAccountsOf(service);
	if (accounts.length === 0) return [stringMatcher("prefix", `spiffe://${trustDomain}/ns/${service.namespace}/sa/`)];
	return accounts.map((serviceAccount) =>
		stringMatcher("exact", `spiffe://${trustDomain}/ns/${service.namespace}/sa/${serviceAccount}`),
	);
}
