import type { MessageInitShape } from "@bufbuild/protobuf";
import { RawBufferSchema } from "../../api/gen/envoy/extensions/transport_sockets/raw_buffer/v3/raw_buffer_pb.js";
import {
	SubjectAltNameMatcher_SanType,
	TlsParameters_TlsProtocol,
} from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import type { CommonTlsContextSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import {
	DownstreamTlsContextSchema,
	UpstreamTlsContextSchema,
} from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { StringMatcher } from "../../api/gen/envoy/type/matcher/v3/string_pb.js";
import type { MeshSettings } from "../../model/index.ts";
import { extension, sdsSource, stringMatcher } from "./messages.ts";

/** Terminates mutual TLS: the peer must show a certificate of the mesh's trust domain, unless it need not show one.
 *  @param revokedFile on the proxy's machine, with revoked certificates */
export function downstreamTls(
	peers: readonly StringMatcher[],
	alpn: readonly string[],
	requiresClientCertificate = true,
	revokedFile?: string,
) {
	return extension("envoy.transport_sockets.tls", DownstreamTlsContextSchema, {
		commonTlsContext: commonTls(peers, alpn, revokedFile),
		requireClientCertificate: requiresClientCertificate,
	});
}

/** Starts mutual TLS towards peers with one of these identities. */
export function upstreamTls(sni: string, peers: readonly StringMatcher[], alpn: readonly string[]) {
	return extension("envoy.transport_sockets.tls", UpstreamTlsContextSchema, {
		commonTlsContext: commonTls(peers, alpn),
		sni,
	});
}

/** Who may call: any workload of the mesh's trust domain, by whatever name, and of those that it relates to. */
export function meshPeers({
	trustDomain,
	trustDomainAliases,
	federatedTrustDomains = [],
}: MeshSettings): StringMatcher[] {
	return [trustDomain, ...trustDomainAliases, ...federatedTrustDomains].map((domain) =>
		stringMatcher("prefix", `spiffe://${domain}/`),
	);
}

/** The secret, over ADS and without anything secret in it, that tells amime's own proxies whose identities were taken away. */
export const revokedPeersSecret = "amime_revoked_peers";

/** Metadata of a filter chain or a cluster with mutual TLS of the mesh: an amime proxy ends connections whose peer nobody vouches for any
 *  more, because its certificate has ended, its root has gone or its identity was taken away. Nobody else reads it. */
export const endsWithPeerCertificate = {
	amime: { ends_with_peer_certificate: true, revoked_peers_secret: revokedPeersSecret },
} as const;

export function rawBuffer() {
	return extension("envoy.transport_sockets.raw_buffer", RawBufferSchema, {});
}

/** Own certificate `default`, trust bundle `ROOTCA`, TLS 1.3. */
function commonTls(
	peers: readonly StringMatcher[],
	alpn: readonly string[],
	revokedFile?: string,
): MessageInitShape<typeof CommonTlsContextSchema> {
	return {
		tlsParams: {
			tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
			tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
		},
		tlsCertificateSdsSecretConfigs: [{ name: "default", sdsConfig: sdsSource() }],
		validationContextType: {
			case: "combinedValidationContext",
			value: {
				defaultValidationContext: {
					...(revokedFile !== undefined && { crl: { specifier: { case: "filename", value: revokedFile } } }),
					matchTypedSubjectAltNames: peers.map((matcher) => ({ sanType: SubjectAltNameMatcher_SanType.URI, matcher })),
				},
				validationContextSdsSecretConfig: { name: "ROOTCA", sdsConfig: sdsSource() },
			},
		},
		alpnProtocols: [...alpn],
	};
}
