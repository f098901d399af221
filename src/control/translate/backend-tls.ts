import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Cluster, ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import {
	type CertificateValidationContextSchema,
	SubjectAltNameMatcher_SanType as SanType,
	TlsParameters_TlsProtocol as TlsProtocol,
} from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import { UpstreamTlsContextSchema } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { type BackendTlsPolicy, isHttpProtocol, type Service, type ServicePort } from "../../model/index.ts";
import { findBackendTlsPolicy, isFault, type KeyPair } from "../gateway-api/index.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { adsSource, extension, stringMatcher } from "./messages.ts";
import { isRoutedTo } from "./routed-ports.ts";

type ValidationInit = Extract<
	MessageInitShape<typeof CertificateValidationContextSchema>,
	{ readonly $typeName?: undefined }
>;

/** The BackendTLSPolicy that a sidecar follows towards a port of a service. To a port whose clients speak TLS themselves it adds none,
 *  unless a route sends requests there. */
export function findMeshBackendTls(
	index: MeshIndex,
	service: Service,
	port: ServicePort,
): BackendTlsPolicy | undefined {
	const policy = findBackendTlsPolicy(index.mesh.backendTlsPolicies, service, port);
	if (policy === undefined || port.protocol !== "tls") return policy;
	return isRoutedTo(index, service, port) ? policy : undefined;
}

/** The certificates that a policy's backends are checked by, as what a cluster depends on: "" for a reference that has none. */
export function describeAuthorities(index: MeshIndex, { caCertificateRefs }: BackendTlsPolicy): readonly string[] {
	return caCertificateRefs.map((reference) => {
		const bundle = index.attachments.certificates.trustBundle(reference);
		return isFault(bundle) ? "" : bundle.certificates;
	});
}

/** A port whose backends speak TLS, and as which policy says. */
export interface EncryptedBackend {
	readonly policy: BackendTlsPolicy;
	readonly port: ServicePort;
}

/** TLS to a backend as a policy says.
 *  @param clientCertificate shown to backends that ask for one */
export function backendTls(index: MeshIndex, { policy, port }: EncryptedBackend, clientCertificate?: KeyPair) {
	const isHttp2 = isHttpProtocol(port.protocol) && port.protocol !== "http";
	return extension("envoy.transport_sockets.tls", UpstreamTlsContextSchema, {
		sni: policy.hostname,
		commonTlsContext: {
			tlsParams: { tlsMinimumProtocolVersion: TlsProtocol.TLSv1_2, tlsMaximumProtocolVersion: TlsProtocol.TLSv1_3 },
			...(clientCertificate !== undefined && {
				tlsCertificateSdsSecretConfigs: [{ name: clientCertificate.name, sdsConfig: adsSource() }],
			}),
			validationContextType: { case: "validationContext", value: validationOf(index, policy) },
			alpnProtocols: isHttp2 ? ["h2"] : [],
		},
	});
}

/** What a gateway in a namespace reaches by a cluster, when that speaks TLS. */
export function findEncryptedBackend(
	index: MeshIndex,
	namespace: string,
	clusterName: string,
): EncryptedBackend | undefined {
	const [, number, , host = ""] = clusterName.split("|");
	const service = index.serviceByHost(host, namespace);
	const port = service?.ports.find((candidate) => candidate.port === Number(number));
	if (service === undefined || port === undefined) return undefined;
	const policy = findBackendTlsPolicy(index.mesh.backendTlsPolicies, service, port);
	return policy && { policy, port };
}

/** A cluster whose connections are encrypted. */
export function encryptBackend(
	index: MeshIndex,
	cluster: Cluster,
	backend: EncryptedBackend,
	clientCertificate: KeyPair | undefined,
): Cluster {
	const { transportSocket } = create(ClusterSchema, { transportSocket: backendTls(index, backend, clientCertificate) });
	return { ...cluster, transportSocketMatches: [], transportSocket: transportSocket! };
}

/** No certificate has this hash: a policy without certificates that it could check by lets nothing through (Gateway API). */
const noCertificate = "0".repeat(64);

function validationOf(index: MeshIndex, policy: BackendTlsPolicy): ValidationInit {
	const names =
		policy.subjectAltNames.length > 0 ? policy.subjectAltNames : [{ type: "Hostname", value: policy.hostname }];
	const matchTypedSubjectAltNames = names.map(({ type, value }) => ({
		sanType: type === "URI" ? SanType.URI : SanType.DNS,
		matcher: stringMatcher("exact", value),
	}));
	if (policy.usesSystemCertificates) return { systemRootCerts: {}, matchTypedSubjectAltNames };
	const certificates = describeAuthorities(index, policy).filter((bundle) => bundle !== "");
	if (certificates.length === 0) return { verifyCertificateHash: [noCertificate] };
	return {
		trustedCa: { specifier: { case: "inlineString", value: certificates.join("\n") } },
		matchTypedSubjectAltNames,
	};
}
