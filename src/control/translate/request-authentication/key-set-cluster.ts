import { create } from "@bufbuild/protobuf";
import {
	type Cluster,
	Cluster_DiscoveryType,
	Cluster_DnsLookupFamily,
	ClusterSchema,
} from "../../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import {
	SubjectAltNameMatcher_SanType,
	TlsParameters_TlsProtocol,
} from "../../../api/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import { UpstreamTlsContextSchema } from "../../../api/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { RequestAuthentication } from "../../../model/index.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { duration, extension, socketAddress, stringMatcher } from "../messages.ts";
import { outboundClusterName } from "../names.ts";

/** Where Debian, and most others, keep the authorities that the system trusts. */
const systemAuthorities = "/etc/ssl/certs/ca-certificates.crt";

interface KeySetServer {
	readonly host: string;
	readonly port: number;
	readonly isTls: boolean;
}

/** The cluster that keys at a URI are fetched from: the service's when a service of the mesh has the host, else one of its own. */
export function keySetClusterName(index: MeshIndex, uri: string): string {
	const server = readUri(uri);
	const service = index.serviceByHost(server.host);
	if (service?.ports.some(({ port }) => port === server.port) === true)
		return outboundClusterName(server.host, server.port);
	return ownName(server);
}

/** The clusters for keys outside the mesh, one a server. */
export function translateKeySetClusters(index: MeshIndex, policies: readonly RequestAuthentication[]): Cluster[] {
	const found = new Map<string, Cluster>();
	for (const { keys } of policies.flatMap(({ rules }) => rules)) {
		if (keys.kind !== "remote") continue;
		const server = readUri(keys.uri);
		const name = ownName(server);
		if (keySetClusterName(index, keys.uri) === name) found.set(name, translateServer(name, server));
	}
	return [...found.values()];
}

function ownName({ host, port }: KeySetServer): string {
	return `jwks|${port}||${host}`;
}

function readUri(uri: string): KeySetServer {
	const url = new URL(uri);
	const isTls = url.protocol === "https:";
	// An IPv6 address without its brackets.
	const host = url.hostname.replace(/^\[|\]$/g, "");
	return { host, port: url.port === "" ? (isTls ? 443 : 80) : Number(url.port), isTls };
}

function translateServer(name: string, { host, port, isTls }: KeySetServer): Cluster {
	return create(ClusterSchema, {
		name,
		clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STRICT_DNS },
		dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
		connectTimeout: duration(5_000),
		loadAssignment: {
			clusterName: name,
			endpoints: [
				{ lbEndpoints: [{ hostIdentifier: { case: "endpoint", value: { address: socketAddress(host, port) } } }] },
			],
		},
		...(isTls && {
			transportSocket: extension("envoy.transport_sockets.tls", UpstreamTlsContextSchema, {
				sni: host,
				commonTlsContext: {
					tlsParams: { tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2 },
					validationContextType: {
						case: "validationContext",
						value: {
							trustedCa: { specifier: { case: "filename", value: systemAuthorities } },
							matchTypedSubjectAltNames: [
								{ sanType: SubjectAltNameMatcher_SanType.DNS, matcher: stringMatcher("exact", host) },
							],
						},
					},
				},
			}),
		}),
	});
}
