import { create } from "@bufbuild/protobuf";
import {
	type Cluster,
	Cluster_DiscoveryType,
	ClusterSchema,
} from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { Service, ServicePort, TrafficPolicy } from "../../model/index.ts";
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
	return create(ClusterSchema, {
		name: outboundClusterName(host, port.port, subset),
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
		edsClusterConfig: { edsConfig: adsSource() },
		metadata: serviceMetadata([service], index.mesh.settings),
		...translateTrafficPolicy(policy),
		...transportSockets(index, service, port, policy, serverNameOf(host, port.port, subset)),
	});
}

/** Mutual TLS to endpoints that say they take it, plain text to others; a DestinationRule can settle it for all. */
function transportSockets(
	index: MeshIndex,
	service: Service,
	port: ServicePort,
	policy: TrafficPolicy,
	sni: string,
): Partial<ClusterInit> {
	if (policy.tlsMode === "DISABLE") return {};
	const tls = upstreamTls(sni, peersOf(index, service), port.protocol === "http" ? ["http/1.1"] : []);
	if (policy.tlsMode === "ISTIO_MUTUAL") return { transportSocket: tls };
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
