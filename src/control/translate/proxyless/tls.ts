import {
	DownstreamTlsContextSchema,
	UpstreamTlsContextSchema,
} from "../../../api/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { StringMatcher } from "../../../api/gen/envoy/type/matcher/v3/string_pb.js";
import { extension } from "../messages.ts";

/** The entry of `certificate_providers` in a client's bootstrap that holds its certificate, key and trust bundle (Istio). */
const providerName = "default";

const identity = { instanceName: providerName, certificateName: "default" };
const authority = { instanceName: providerName, certificateName: "ROOTCA" };

/** Mutual TLS towards peers with one of these identities (gRFC A29). */
export function proxylessUpstreamTls(peers: readonly StringMatcher[]) {
	return extension("envoy.transport_sockets.tls", UpstreamTlsContextSchema, {
		commonTlsContext: {
			tlsCertificateProviderInstance: identity,
			validationContextType: {
				case: "validationContext",
				value: { caCertificateProviderInstance: authority, matchSubjectAltNames: [...peers] },
			},
		},
	});
}

/** TLS to endpoints outside the mesh, judged by the system's authorities (gRFC A82). */
export function proxylessOriginatedTls(names: readonly StringMatcher[]) {
	return extension("envoy.transport_sockets.tls", UpstreamTlsContextSchema, {
		commonTlsContext: {
			validationContextType: {
				case: "validationContext",
				value: { systemRootCerts: {}, matchSubjectAltNames: [...names] },
			},
		},
	});
}

/** A server that takes certificates of its trust bundle only; gRPC refuses names of peers here (gRFC A29). */
export function proxylessDownstreamTls() {
	return extension("envoy.transport_sockets.tls", DownstreamTlsContextSchema, {
		commonTlsContext: {
			tlsCertificateProviderInstance: identity,
			validationContextType: {
				case: "validationContext",
				value: { caCertificateProviderInstance: authority },
			},
		},
		requireClientCertificate: true,
	});
}
