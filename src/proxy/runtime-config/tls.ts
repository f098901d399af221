import type { TransportSocket } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	type ProxyProtocolConfig,
	ProxyProtocolConfig_Version,
	ProxyProtocolPassThroughTLVs_PassTLVsMatchType,
} from "../../api/gen/envoy/config/core/v3/proxy_protocol_pb.js";
import type {
	InternalUpstreamTransport,
	InternalUpstreamTransport_MetadataValueSource,
} from "../../api/gen/envoy/extensions/transport_sockets/internal_upstream/v3/internal_upstream_pb.js";
import type { ProxyProtocolUpstreamTransport } from "../../api/gen/envoy/extensions/transport_sockets/proxy_protocol/v3/upstream_proxy_protocol_pb.js";
import {
	type CertificateValidationContext,
	CertificateValidationContext_TrustChainVerification,
	type SubjectAltNameMatcher as SanMessage,
	SubjectAltNameMatcher_SanType,
	type TlsCertificate,
	TlsParameters_TlsProtocol,
} from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/common_pb.js";
import type { SdsSecretConfig, Secret } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/secret_pb.js";
import {
	type CommonTlsContext,
	type DownstreamTlsContext,
	DownstreamTlsContext_OcspStaplePolicy,
	type UpstreamTlsContext,
} from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/tls_pb.js";
import type { SPIFFECertValidatorConfig } from "../../api/gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config_pb.js";
import { checkAlgorithms, checkAuthorities, checkCertificate, checkTicketKeys, checkTrustBundle } from "./check-tls.ts";
import { readConfigSource } from "./config-source.ts";
import type { ConfigSourceConfig } from "./config-source-config.ts";
import { readStringMatcher } from "./matchers.ts";
import { qualifyName } from "./resource-name.ts";
import type { Scope } from "./scope.ts";
import type {
	CommonTlsConfig,
	DownstreamTransportSocket,
	PassthroughMetadata,
	ProxyProtocolOutConfig,
	SecretConfig,
	SubjectAltNameMatcher,
	TicketKeysSource,
	TlsCertificateConfig,
	TlsCertificateSource,
	TlsVersion,
	UpstreamTransportSocket,
	ValidationContextConfig,
	ValidationSource,
} from "./tls-config.ts";
import { readDataSource, toMs, unpackExtension } from "./values.ts";

/** Translates the transport socket of a filter chain. */
export function readDownstreamSocket(message: TransportSocket | undefined, scope: Scope): DownstreamTransportSocket {
	if (message === undefined) return { kind: "raw-buffer" };
	const at = scope.at("typed_config");
	const config = unpackExtension(message.configType.value, at);
	if (config?.$typeName === "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext") {
		return readDownstreamTls(config as DownstreamTlsContext, at);
	}
	reportUnlessRaw(config?.$typeName, at);
	return { kind: "raw-buffer" };
}

/** Translates the transport socket of a cluster. */
export function readUpstreamSocket(message: TransportSocket | undefined, scope: Scope): UpstreamTransportSocket {
	if (message === undefined) return { kind: "raw-buffer" };
	const at = scope.at("typed_config");
	const config = unpackExtension(message.configType.value, at);
	if (config?.$typeName === "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext") {
		return readUpstreamTls(config as UpstreamTlsContext, at);
	}
	if (config?.$typeName === "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport") {
		const { config: header, transportSocket } = config as ProxyProtocolUpstreamTransport;
		const inner = readUpstreamSocket(transportSocket, at.at("transport_socket"));
		return { ...inner, proxyProtocol: readProxyProtocolOut(header, at.at("config")) };
	}
	if (config?.$typeName === "envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport") {
		const { passthroughMetadata, transportSocket } = config as InternalUpstreamTransport;
		if (transportSocket === undefined) at.at("transport_socket").report("this field is required");
		const inner = readUpstreamSocket(transportSocket, at.at("transport_socket"));
		return { ...inner, passthrough: readPassthrough(passthroughMetadata, at) };
	}
	reportUnlessRaw(config?.$typeName, at);
	return { kind: "raw-buffer" };
}

function readPassthrough(
	messages: readonly InternalUpstreamTransport_MetadataValueSource[],
	scope: Scope,
): PassthroughMetadata[] {
	return messages.flatMap(({ kind, name }, index): PassthroughMetadata[] => {
		const of = kind?.kind.case;
		if (of === "host" || of === "cluster") return [{ of, namespace: name }];
		scope.at("passthrough_metadata", index).at("kind").report("only host and cluster are supported");
		return [];
	});
}

function readProxyProtocolOut(message: ProxyProtocolConfig | undefined, scope: Scope): ProxyProtocolOutConfig {
	const pass = message?.passThroughTlvs;
	const passesAll = pass?.matchType === ProxyProtocolPassThroughTLVs_PassTLVsMatchType.INCLUDE_ALL;
	return {
		version: message?.version === ProxyProtocolConfig_Version.V2 ? 2 : 1,
		passThrough: pass === undefined ? [] : passesAll ? "all" : pass.tlvType,
		addedTlvs: (message?.addedTlvs ?? []).map(({ type, value, formatString }, index) => {
			if (formatString !== undefined) {
				scope.at("added_tlvs", index).at("format_string").report("only value is supported");
			}
			return { type, value: Buffer.from(value) };
		}),
	};
}

function reportUnlessRaw(typeName: string | undefined, scope: Scope): void {
	if (typeName === undefined || typeName === "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer") return;
	scope.report(`transport socket ${typeName} is not supported`);
}

function readDownstreamTls(message: DownstreamTlsContext, scope: Scope): DownstreamTransportSocket {
	const common = readCommon(message.commonTlsContext, scope.at("common_tls_context"));
	if (common.certificates.length === 0) {
		scope.at("common_tls_context").report("no TLS certificates found for server context");
	}
	if (message.ocspStaplePolicy === DownstreamTlsContext_OcspStaplePolicy.MUST_STAPLE) {
		scope.at("ocsp_staple_policy").report("OCSP stapling is not supported");
	}
	const ticketKeys = message.sessionTicketKeysType;
	return {
		kind: "tls",
		tls: {
			...common,
			ticketKeys: readTicketKeys(message, scope),
			requireClientCertificate: message.requireClientCertificate ?? false,
			requireSni: message.requireSni ?? false,
			disableStatelessResumption: ticketKeys.case === "disableStatelessSessionResumption" && ticketKeys.value,
			disableStatefulResumption: message.disableStatefulSessionResumption,
			sessionTimeoutMs: toMs(message.sessionTimeout, undefined),
			preferClientCiphers: message.preferClientCiphers,
			fullScanOnSniMismatch: message.fullScanCertsOnSniMismatch ?? false,
		},
	};
}

function readTicketKeys({ sessionTicketKeysType: type }: DownstreamTlsContext, scope: Scope): TicketKeysSource {
	switch (type.case) {
		case "sessionTicketKeys": {
			const keys = type.value.keys.flatMap((key) => readDataSource(key) ?? []);
			checkTicketKeys(keys, scope.at("session_ticket_keys"));
			return { kind: "inline", keys };
		}
		case "sessionTicketKeysSdsSecretConfig": {
			const source = readSecretSource(type.value, scope.at("session_ticket_keys_sds_secret_config"));
			return { kind: "secret", name: qualifyName(type.value.name, source), source };
		}
		default:
			return { kind: "none" };
	}
}

function readUpstreamTls(message: UpstreamTlsContext, scope: Scope): UpstreamTransportSocket {
	const common = message.commonTlsContext;
	if ((common?.tlsCertificates.length ?? 0) + (common?.tlsCertificateSdsSecretConfigs.length ?? 0) > 1) {
		scope.at("common_tls_context").report("multiple TLS certificates are not supported for client contexts");
	}
	if (message.autoSniSanValidation && common?.validationContextType.case === undefined) {
		scope.at("auto_sni_san_validation").report("needs a validation context with authorities to trust");
	}
	return {
		kind: "tls",
		tls: {
			...readCommon(message.commonTlsContext, scope.at("common_tls_context")),
			sni: message.sni,
			autoHostSni: message.autoHostSni,
			certifiesServerName: message.autoSniSanValidation,
			autoSniSanValidation: message.autoSniSanValidation,
			allowRenegotiation: message.allowRenegotiation,
			maxSessionKeys: message.maxSessionKeys ?? 1,
		},
	};
}

const versions: Readonly<Record<number, TlsVersion>> = {
	[TlsParameters_TlsProtocol.TLSv1_0]: "TLSv1",
	[TlsParameters_TlsProtocol.TLSv1_1]: "TLSv1.1",
	[TlsParameters_TlsProtocol.TLSv1_2]: "TLSv1.2",
	[TlsParameters_TlsProtocol.TLSv1_3]: "TLSv1.3",
};

function readCommon(message: CommonTlsContext | undefined, scope: Scope): CommonTlsConfig {
	const parameters = message?.tlsParams;
	if (parameters !== undefined) checkAlgorithms(parameters, scope.at("tls_params"));
	const certificates: TlsCertificateSource[] = [];
	for (const [index, certificate] of (message?.tlsCertificates ?? []).entries()) {
		certificates.push({
			kind: "inline",
			certificate: readCertificate(certificate, scope.at("tls_certificates", index)),
		});
	}
	for (const [index, secret] of (message?.tlsCertificateSdsSecretConfigs ?? []).entries()) {
		const at = scope.at("tls_certificate_sds_secret_configs", index);
		const source = readSecretSource(secret, at);
		certificates.push({ kind: "secret", name: qualifyName(secret.name, source), source });
	}
	return {
		minimumVersion: versions[parameters?.tlsMinimumProtocolVersion ?? 0],
		maximumVersion: versions[parameters?.tlsMaximumProtocolVersion ?? 0],
		cipherSuites: parameters?.cipherSuites ?? [],
		ecdhCurves: parameters?.ecdhCurves ?? [],
		signatureAlgorithms: parameters?.signatureAlgorithms ?? [],
		certificates,
		validation: readValidation(message, scope),
		ticketKeys: { kind: "none" },
		alpnProtocols: readAlpnProtocols(message?.alpnProtocols ?? [], scope),
	};
}

/** Envoy joins the names by commas and takes them apart again, so one may hold several; its library takes no list with an empty one. */
function readAlpnProtocols(entries: readonly string[], scope: Scope): readonly string[] {
	const protocols = entries.flatMap((entry, index) => {
		const names = entry.split(",");
		if (names.some((name) => Buffer.byteLength(name) > 255)) {
			scope.at("alpn_protocols", index).report("a protocol has at most 255 bytes");
		}
		return names;
	});
	return protocols.includes("") ? [] : protocols;
}

/** Where a secret comes from; undefined: it is one of the bootstrap. */
export function readSecretSource(message: SdsSecretConfig, scope: Scope): ConfigSourceConfig | undefined {
	if (message.sdsConfig !== undefined) return readConfigSource(message.sdsConfig, scope.at("sds_config"));
	if (scope.options.hasSecret?.(message.name) === false)
		scope.at("name").report(`unknown static secret '${message.name}'`);
	return undefined;
}

function readValidation(message: CommonTlsContext | undefined, scope: Scope): ValidationSource {
	const type = message?.validationContextType;
	switch (type?.case) {
		case "validationContext":
			return { kind: "inline", context: readValidationContext(type.value, scope.at("validation_context")) };
		case "validationContextSdsSecretConfig": {
			const at = scope.at("validation_context_sds_secret_config");
			const source = readSecretSource(type.value, at);
			return { kind: "secret", name: qualifyName(type.value.name, source), source, defaults: undefined };
		}
		case "combinedValidationContext": {
			const at = scope.at("combined_validation_context");
			const { defaultValidationContext: defaults, validationContextSdsSecretConfig: secret } = type.value;
			const source =
				secret === undefined ? undefined : readSecretSource(secret, at.at("validation_context_sds_secret_config"));
			return {
				kind: "secret",
				name: qualifyName(secret?.name ?? "", source),
				source,
				defaults:
					defaults === undefined ? undefined : readValidationContext(defaults, at.at("default_validation_context")),
			};
		}
		default:
			return { kind: "none" };
	}
}

function readCertificate(message: TlsCertificate, scope: Scope): TlsCertificateConfig {
	const certificateChain = readDataSource(message.certificateChain);
	const pkcs12 = readDataSource(message.pkcs12);
	if (certificateChain === undefined && pkcs12 === undefined) {
		scope.at("certificate_chain").report("a certificate chain is required");
	}
	if (message.privateKey === undefined && pkcs12 === undefined)
		scope.at("private_key").report("a private key is required");
	const config: TlsCertificateConfig = {
		certificateChain: certificateChain ?? { kind: "inline", bytes: new Uint8Array(0) },
		privateKey: readDataSource(message.privateKey),
		password: readDataSource(message.password),
		pkcs12,
		watchedDirectory: message.watchedDirectory?.path || undefined,
	};
	if (certificateChain !== undefined && config.privateKey !== undefined) checkCertificate(config, scope);
	return config;
}

function readValidationContext(message: CertificateValidationContext, scope: Scope): ValidationContextConfig {
	const deprecated = message.matchSubjectAltNames.map(
		(matcher, index): SubjectAltNameMatcher => ({
			type: "any",
			matcher: readStringMatcher(matcher, scope.at("match_subject_alt_names", index)),
		}),
	);
	const typed = message.matchTypedSubjectAltNames.flatMap((matcher, index) =>
		readSan(matcher, scope.at("match_typed_subject_alt_names", index)),
	);
	const spiffe = readSpiffe(message, scope.at("custom_validator_config"));
	const subjectAltNames = typed.length > 0 ? typed : deprecated;
	const trustedCa = readDataSource(message.trustedCa);
	if (
		subjectAltNames.length > 0 &&
		trustedCa === undefined &&
		spiffe === undefined &&
		message.systemRootCerts === undefined &&
		!scope.path.includes("default_validation_context")
	) {
		scope.report("SAN-based verification of peer certificates without trusted CA is insecure and not allowed");
	}
	const hasAnchors = trustedCa !== undefined || spiffe !== undefined || message.systemRootCerts !== undefined;
	const isWhole = !scope.path.includes("default_validation_context");
	if (message.crl !== undefined && !hasAnchors && isWhole) scope.at("crl").report("needs trusted_ca");
	if (message.allowExpiredCertificate && !hasAnchors && isWhole) {
		scope.at("allow_expired_certificate").report("needs trusted_ca");
	}
	const config: ValidationContextConfig = {
		trustedCa,
		systemRoots: message.systemRootCerts !== undefined,
		subjectAltNames,
		spkiHashes: message.verifyCertificateSpki,
		certificateHashes: message.verifyCertificateHash.map((hash) => hash.replaceAll(":", "").toLowerCase()),
		crl: readDataSource(message.crl),
		allowExpired: message.allowExpiredCertificate,
		acceptUntrusted:
			message.trustChainVerification === CertificateValidationContext_TrustChainVerification.ACCEPT_UNTRUSTED,
		maxVerifyDepth: message.maxVerifyDepth,
		onlyVerifyLeafCrl: message.onlyVerifyLeafCertCrl,
		spiffeTrustDomains: spiffe,
		watchedDirectory: message.watchedDirectory?.path || undefined,
	};
	checkAuthorities(config, scope);
	return config;
}

const sanTypes: Readonly<Record<number, SubjectAltNameMatcher["type"]>> = {
	[SubjectAltNameMatcher_SanType.EMAIL]: "email",
	[SubjectAltNameMatcher_SanType.DNS]: "dns",
	[SubjectAltNameMatcher_SanType.URI]: "uri",
	[SubjectAltNameMatcher_SanType.IP_ADDRESS]: "ip",
};

function readSan(message: SanMessage, scope: Scope): SubjectAltNameMatcher[] {
	const type = sanTypes[message.sanType];
	if (type === undefined) {
		scope.at("san_type").report("only EMAIL, DNS, URI and IP_ADDRESS are supported");
		return [];
	}
	return [{ type, matcher: readStringMatcher(message.matcher, scope.at("matcher")) }];
}

function readSpiffe(
	message: CertificateValidationContext,
	scope: Scope,
): ValidationContextConfig["spiffeTrustDomains"] {
	if (message.customValidatorConfig === undefined) return undefined;
	const config = unpackExtension(message.customValidatorConfig.typedConfig, scope.at("typed_config"));
	if (config === undefined) return undefined;
	if (config.$typeName !== "envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig") {
		scope.report(`certificate validator ${config.$typeName} is not supported`);
		return undefined;
	}
	const seen = new Set<string>();
	return (config as SPIFFECertValidatorConfig).trustDomains.map(({ name, trustBundle }, index) => {
		const at = scope.at("typed_config").at("trust_domains", index);
		if (seen.has(name)) at.at("name").report(`multiple trust bundles are given for trust domain ${name}`);
		seen.add(name);
		const bundle = readDataSource(trustBundle) ?? { kind: "inline", bytes: new Uint8Array(0) };
		checkTrustBundle(bundle, name, at.at("trust_bundle"));
		return { name, bundle };
	});
}

/** Translates a secret. */
export function readSecret(message: Secret, scope: Scope): SecretConfig | undefined {
	const { name, type } = message;
	switch (type.case) {
		case "tlsCertificate":
			return { kind: "tls-certificate", name, certificate: readCertificate(type.value, scope.at("tls_certificate")) };
		case "validationContext":
			return {
				kind: "validation-context",
				name,
				context: readValidationContext(type.value, scope.at("validation_context")),
			};
		case "sessionTicketKeys":
			return { kind: "session-ticket-keys", name, keys: type.value.keys.flatMap((key) => readDataSource(key) ?? []) };
		case "genericSecret":
			return {
				kind: "generic",
				name,
				secret: readDataSource(type.value.secret) ?? { kind: "inline", bytes: new Uint8Array(0) },
			};
		default:
			scope.report("one of tls_certificate, session_ticket_keys, validation_context, generic_secret must be set");
			return undefined;
	}
}
