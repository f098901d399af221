import type { MessageInitShape } from "@bufbuild/protobuf";
import { ProxyProtocolConfig_Version } from "../../api/gen/envoy/config/core/v3/proxy_protocol_pb.js";
import { ProxyProtocolUpstreamTransportSchema } from "../../api/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js";
import {
	SubjectAltNameMatcher_SanType,
	TlsParameters_TlsProtocol,
} from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import {
	type CommonTlsContextSchema,
	UpstreamTlsContextSchema,
} from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { ClientTls, Service, TrafficPolicy } from "../../model/index.ts";
import { backendTls, type EncryptedBackend } from "./backend-tls.ts";
import type { MutualTlsUse } from "./cluster.ts";
import type { HttpVersion } from "./http-options.ts";
import type { MeshIndex } from "./mesh-index.ts";
import { extension, stringMatcher } from "./messages.ts";
import { rawBuffer, upstreamTls } from "./tls.ts";
import type { ClusterInit } from "./traffic-policy.ts";

type CommonTlsInit = Extract<MessageInitShape<typeof CommonTlsContextSchema>, { readonly $typeName?: undefined }>;
type Socket = ReturnType<typeof rawBuffer>;

/** What the transport of a cluster follows from. */
export interface TransportOptions {
	/** Comes before what DestinationRules and endpoints say. */
	readonly encrypted?: EncryptedBackend;
	readonly index: MeshIndex;
	readonly clientNamespace: string;
	readonly service: Service;
	readonly policy: TrafficPolicy;
	readonly use: MutualTlsUse;
	/** Undefined for bytes. */
	readonly version: HttpVersion | undefined;
	/** Server name for mutual TLS of the mesh. */
	readonly sni: string;
}

const alpnOf: Readonly<Record<HttpVersion, readonly string[]>> = {
	http1: ["http/1.1"],
	http2: ["h2"],
	negotiated: ["h2", "http/1.1"],
	downstream: ["h2", "http/1.1"],
};

/** Mutual TLS to endpoints that say they take it, plain text to others; a DestinationRule can settle it for all. */
export function transportSockets(options: TransportOptions): Partial<ClusterInit> {
	const { policy, use } = options;
	const wrap = (socket: Socket): Socket => withProxyProtocol(socket, policy.proxyProtocol);
	if (options.encrypted !== undefined) return { transportSocket: wrap(backendTls(options.index, options.encrypted)) };
	const plain: Partial<ClusterInit> = policy.proxyProtocol === undefined ? {} : { transportSocket: wrap(rawBuffer()) };
	switch (policy.tls?.mode) {
		case "DISABLE":
			return plain;
		case "SIMPLE":
		case "MUTUAL":
			return { transportSocket: wrap(originatedTls(policy.tls, options)) };
		case "ISTIO_MUTUAL":
			return { transportSocket: wrap(meshTls(options)) };
		default:
			if (use === "none") return plain;
			if (use === "all") return { transportSocket: wrap(meshTls(options)) };
			return {
				transportSocketMatches: [
					{ name: "tlsMode-istio", match: { tlsMode: "istio" }, transportSocket: wrap(meshTls(options)) },
					{ name: "tlsMode-disabled", match: {}, transportSocket: wrap(rawBuffer()) },
				],
			};
	}
}

/** Server name and certificate follow the request's host unless a DestinationRule says them. */
export function upstreamHttpOptions(tls: ClientTls | undefined) {
	if (tls?.mode !== "SIMPLE" && tls?.mode !== "MUTUAL") return undefined;
	const autoSni = (tls.sni ?? "") === "";
	const autoSanValidation = autoSni && tls.subjectAltNames.length === 0 && !tls.isInsecure;
	return autoSni || autoSanValidation ? { autoSni, autoSanValidation } : undefined;
}

function meshTls({ index, service, policy, version, sni }: TransportOptions): Socket {
	const names = policy.tls?.subjectAltNames ?? [];
	const peers = names.length > 0 ? names.map((name) => stringMatcher("exact", name)) : peersOf(index, service);
	const own = policy.tls?.sni ?? "";
	return upstreamTls(own === "" ? sni : own, peers, version === undefined ? [] : alpnOf[version]);
}

/** Who may answer for the service: the identities behind it; while none is known, any of its namespace. */
export function peersOf(index: MeshIndex, service: Service) {
	const { trustDomain, trustDomainAliases } = index.mesh.settings;
	const trustDomains = [trustDomain, ...trustDomainAliases];
	const accounts = index.serviceAccountsOf(service);
	const named = (service.subjectAltNames ?? []).map((name) => stringMatcher("exact", name));
	if (accounts.length === 0 && named.length === 0)
		return trustDomains.map((domain) => stringMatcher("prefix", `spiffe://${domain}/ns/${service.namespace}/sa/`));
	return [
		...accounts.flatMap((serviceAccount) =>
			trustDomains.map((domain) =>
				stringMatcher("exact", `spiffe://${domain}/ns/${service.namespace}/sa/${serviceAccount}`),
			),
		),
		...named,
	];
}

/** TLS to endpoints outside the mesh. */
function originatedTls(tls: ClientTls, options: TransportOptions): Socket {
	const { service, version } = options;
	const names = tls.subjectAltNames.length > 0 ? tls.subjectAltNames : (service.subjectAltNames ?? []);
	return extension("envoy.transport_sockets.tls", UpstreamTlsContextSchema, {
		commonTlsContext: {
			tlsParams: {
				tlsMinimumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_2,
				tlsMaximumProtocolVersion: TlsParameters_TlsProtocol.TLSv1_3,
			},
			...certificates(tls),
			...validation(tls, names, options),
			alpnProtocols: version === "http2" ? ["h2"] : [],
		},
		sni: tls.sni ?? "",
	});
}

function certificates(tls: ClientTls): Partial<CommonTlsInit> {
	if (tls.mode !== "MUTUAL") return {};
	return {
		tlsCertificates: [
			{
				certificateChain: { specifier: { case: "filename", value: tls.clientCertificate ?? "" } },
				privateKey: { specifier: { case: "filename", value: tls.privateKey ?? "" } },
			},
		],
	};
}

function validation(tls: ClientTls, names: readonly string[], options: TransportOptions): Partial<CommonTlsInit> {
	if (tls.isInsecure) return {};
	const matchers = names.flatMap((name) =>
		[SubjectAltNameMatcher_SanType.DNS, SubjectAltNameMatcher_SanType.URI].map((sanType) => ({
			sanType,
			matcher: stringMatcher("exact", name),
		})),
	);
	const crl = tls.caCrl === undefined ? {} : { crl: { specifier: { case: "filename" as const, value: tls.caCrl } } };
	if (tls.credentialName !== undefined) {
		const authorities = findAuthorities(tls.credentialName, options);
		return {
			validationContextType: {
				case: "validationContext",
				value: {
					...(authorities === undefined
						? { systemRootCerts: {}, matchTypedSubjectAltNames: nobody }
						: {
								trustedCa: { specifier: { case: "inlineString", value: authorities } },
								matchTypedSubjectAltNames: matchers,
							}),
					...crl,
				},
			},
		};
	}
	const isSystem = tls.caCertificates === undefined || tls.caCertificates === "" || tls.caCertificates === "system";
	return {
		validationContextType: {
			case: "validationContext",
			value: {
				...(isSystem
					? { systemRootCerts: {} }
					: { trustedCa: { specifier: { case: "filename", value: tls.caCertificates } } }),
				matchTypedSubjectAltNames: matchers,
				...crl,
			},
		},
	};
}

/** Without the Secret no certificate is good: connections fail, and the proxy does not wait for what may never come. */
const nobody = [
	{ sanType: SubjectAltNameMatcher_SanType.DNS, matcher: stringMatcher("exact", "the-secret-is-missing.invalid") },
];

/** The authorities in a Secret of the client's namespace, else of the service's. They are no secret, so the cluster carries them. */
function findAuthorities(
	credential: string,
	{ index, clientNamespace, service }: TransportOptions,
): string | undefined {
	const { certificates } = index.attachments;
	const name = credential.replace(/^kubernetes:\/\//, "");
	for (const namespace of new Set([clientNamespace, service.namespace]))
		for (const candidate of [`${name}-cacert`, name]) {
			const found = certificates.clientAuthorities(namespace, candidate);
			if (found !== undefined) return found.certificates;
		}
	return undefined;
}

function withProxyProtocol(socket: Socket, version: 1 | 2 | undefined): Socket {
	if (version === undefined) return socket;
	return extension("envoy.transport_sockets.upstream_proxy_protocol", ProxyProtocolUpstreamTransportSchema, {
		config: { version: version === 1 ? ProxyProtocolConfig_Version.V1 : ProxyProtocolConfig_Version.V2 },
		transportSocket: socket,
	});
}
