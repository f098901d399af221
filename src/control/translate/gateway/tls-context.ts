import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
	type CertificateValidationContextSchema,
	SubjectAltNameMatcher_SanType as SanType,
	TlsParameters_TlsProtocol as TlsProtocol,
	CertificateValidationContext_TrustChainVerification as TrustChainVerification,
} from "../../../api/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import { type Secret, SecretSchema } from "../../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import {
	type CommonTlsContextSchema,
	DownstreamTlsContextSchema,
} from "../../../api/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { MeshSettings, TlsVersion } from "../../../model/index.ts";
import type { ClientCertificates, KeyPair, TlsTermination, TrustBundle } from "../../gateway-api/index.ts";
import { adsSource, extension, stringMatcher } from "../messages.ts";
import { downstreamTls, meshPeers } from "../tls.ts";

type Terminated = Extract<TlsTermination, { readonly kind: "terminate" }>;
type CommonTlsInit = Extract<MessageInitShape<typeof CommonTlsContextSchema>, { readonly $typeName?: undefined }>;
type ValidationInit = Extract<
	MessageInitShape<typeof CertificateValidationContextSchema>,
	{ readonly $typeName?: undefined }
>;

/** The transport socket that ends TLS at a gateway; undefined where it is passed on. */
export function endTls(tls: TlsTermination, settings: MeshSettings, alpn: readonly string[]) {
	if (tls.kind === "passthrough") return undefined;
	if (tls.kind === "mesh") return downstreamTls(meshPeers(settings), alpn, tls.isMutual, tls.revokedFile);
	return extension("envoy.transport_sockets.tls", DownstreamTlsContextSchema, {
		commonTlsContext: {
			tlsParams: {
				tlsMinimumProtocolVersion: versions[tls.minVersion ?? "TLSV1_2"] || TlsProtocol.TLSv1_2,
				tlsMaximumProtocolVersion: versions[tls.maxVersion ?? "TLS_AUTO"],
				cipherSuites: [...tls.cipherSuites],
			},
			...certificatesOf(tls),
			...validationOf(tls),
			alpnProtocols: [...alpn],
		},
		requireClientCertificate: tls.clients?.isRequired ?? false,
	});
}

/** The secrets that go with a socket, over the stream that brought the listener. */
export function secretsOf(tls: TlsTermination): Secret[] {
	if (tls.kind !== "terminate") return [];
	const authorities = tls.clients?.authorities;
	return [...tls.keyPairs.map(keyPairSecret), ...(authorities === undefined ? [] : [trustSecret(authorities)])];
}

/** Nothing below 1.2 is spoken, whatever a Gateway asks for (RFC 8996). */
const versions: Readonly<Record<TlsVersion, TlsProtocol>> = {
	TLS_AUTO: TlsProtocol.TLS_AUTO,
	TLSV1_0: TlsProtocol.TLSv1_2,
	TLSV1_1: TlsProtocol.TLSv1_2,
	TLSV1_2: TlsProtocol.TLSv1_2,
	TLSV1_3: TlsProtocol.TLSv1_3,
};

function certificatesOf({ keyPairs, files }: Terminated): Partial<CommonTlsInit> {
	if (files === undefined)
		return { tlsCertificateSdsSecretConfigs: keyPairs.map(({ name }) => ({ name, sdsConfig: adsSource() })) };
	return {
		tlsCertificates: [
			{
				certificateChain: { specifier: { case: "filename", value: files.certificate } },
				privateKey: { specifier: { case: "filename", value: files.privateKey } },
			},
		],
	};
}

function validationOf({ clients, files }: Terminated): Partial<CommonTlsInit> {
	if (clients === undefined) return {};
	const own = checksOf(clients);
	if (clients.authorities !== undefined)
		return {
			validationContextType: {
				case: "combinedValidationContext",
				value: {
					defaultValidationContext: own,
					validationContextSdsSecretConfig: { name: clients.authorities.name, sdsConfig: adsSource() },
				},
			},
		};
	const trustedCa = files?.caCertificates;
	const value: ValidationInit = {
		...own,
		...(trustedCa !== undefined && { trustedCa: { specifier: { case: "filename", value: trustedCa } } }),
	};
	return { validationContextType: { case: "validationContext", value } };
}

/** A name may be a DNS name or a URI: the certificate must have one of them in either form. */
function checksOf(clients: ClientCertificates): ValidationInit {
	const { subjectAltNames, spkis, hashes, revokedFile, isUnchecked } = clients;
	return {
		...(isUnchecked === true && { trustChainVerification: TrustChainVerification.ACCEPT_UNTRUSTED }),
		...(revokedFile !== undefined && { crl: { specifier: { case: "filename", value: revokedFile } } }),
		matchTypedSubjectAltNames: subjectAltNames.flatMap((name) =>
			[SanType.DNS, SanType.URI].map((sanType) => ({ sanType, matcher: stringMatcher("exact", name) })),
		),
		verifyCertificateSpki: [...spkis],
		verifyCertificateHash: [...hashes],
	};
}

function keyPairSecret({ name, certificateChain, privateKey }: KeyPair): Secret {
	return create(SecretSchema, {
		name,
		type: {
			case: "tlsCertificate",
			value: {
				certificateChain: { specifier: { case: "inlineString", value: certificateChain } },
				privateKey: { specifier: { case: "inlineString", value: privateKey } },
			},
		},
	});
}

function trustSecret({ name, certificates, revoked }: TrustBundle): Secret {
	return create(SecretSchema, {
		name,
		type: {
			case: "validationContext",
			value: {
				trustedCa: { specifier: { case: "inlineString", value: certificates } },
				...(revoked !== undefined && { crl: { specifier: { case: "inlineString" as const, value: revoked } } }),
			},
		},
	});
}
