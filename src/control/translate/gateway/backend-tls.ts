import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Cluster, ClusterSchema } from "../../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import {
	type CertificateValidationContextSchema,
	SubjectAltNameMatcher_SanType as SanType,
	TlsParameters_TlsProtocol as TlsProtocol,
} from "../../../api/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import { UpstreamTlsContextSchema } from "../../../api/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import { type BackendTlsPolicy, isHttpProtocol, isServiceParent } from "../../../model/index.ts";
import { isFault, type KeyPair } from "../../gateway-api/index.ts";
import type { MeshIndex } from "../mesh-index.ts";
import { adsSource, extension, stringMatcher } from "../messages.ts";
import { compareAge } from "../names.ts";
import type { GatewayNode } from "./gateway-node.ts";

type ValidationInit = Extract<
	MessageInitShape<typeof CertificateValidationContextSchema>,
	{ readonly $typeName?: undefined }
>;

/** The BackendTLSPolicy for a port of a Service: one that names the port before one for all, then the oldest. */
export function findBackendTlsPolicy(
	index: MeshIndex,
	node: GatewayNode,
	clusterName: string,
): BackendTlsPolicy | undefined {
	const [, number, , host = ""] = clusterName.split("|");
	const service = index.serviceByHost(host, node.namespace);
	const port = service?.ports.find((candidate) => candidate.port === Number(number));
	if (service === undefined || port === undefined) return undefined;
	const found = index.mesh.backendTlsPolicies
		.filter(({ namespace }) => namespace === service.namespace)
		.flatMap((policy) =>
			policy.targets
				.filter((target) => isServiceParent(target) && target.name === service.name)
				.filter(({ sectionName }) => sectionName === undefined || sectionName === port.name)
				.map(({ sectionName }) => ({ policy, isOfPort: sectionName !== undefined })),
		);
	found.sort((a, b) => Number(b.isOfPort) - Number(a.isOfPort) || compareAge(a.policy, b.policy));
	return found[0]?.policy;
}

/** A cluster whose connections are encrypted as a policy says. */
export function encryptBackend(
	index: MeshIndex,
	cluster: Cluster,
	policy: BackendTlsPolicy,
	clientCertificate: KeyPair | undefined,
): Cluster {
	const [, number, , host = ""] = cluster.name.split("|");
	const port = index.serviceByHost(host)?.ports.find((candidate) => candidate.port === Number(number));
	const isHttp2 = port !== undefined && isHttpProtocol(port.protocol) && port.protocol !== "http";
	const transportSocket = extension("envoy.transport_sockets.tls", UpstreamTlsContextSchema, {
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
	const encrypted = create(ClusterSchema, { transportSocket });
	return { ...cluster, transportSocketMatches: [], transportSocket: encrypted.transportSocket! };
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
	const bundles = policy.caCertificateRefs.map((reference) => index.attachments.certificates.trustBundle(reference));
	const certificates = bundles.flatMap((bundle) => (isFault(bundle) ? [] : [bundle.certificates]));
	if (certificates.length === 0) return { verifyCertificateHash: [noCertificate] };
	return {
		trustedCa: { specifier: { case: "inlineString", value: certificates.join("\n") } },
		matchTypedSubjectAltNames,
	};
}
