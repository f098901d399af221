import type { StringMatcher } from "../../engine/matcher/index.ts";
import type { ConfigSourceConfig } from "./config-source-config.ts";

/** Bytes from somewhere, `envoy.config.core.v3.DataSource`. Whoever builds the TLS context reads them. */
export type DataSourceConfig =
	| { readonly kind: "file"; readonly path: string; readonly watchedDirectory: string | undefined }
	| { readonly kind: "inline"; readonly bytes: Uint8Array }
	| { readonly kind: "environment"; readonly variable: string };

/** A key pair in the configuration. */
export interface TlsCertificateConfig {
	readonly certificateChain: DataSourceConfig;
	readonly privateKey: DataSourceConfig | undefined;
	readonly password: DataSourceConfig | undefined;
	readonly pkcs12: DataSourceConfig | undefined;
	readonly watchedDirectory: string | undefined;
}

export type TlsCertificateSource =
	| { readonly kind: "inline"; readonly certificate: TlsCertificateConfig }
	| { readonly kind: "secret"; readonly name: string; readonly source: ConfigSourceConfig | undefined };

/** `CertificateValidationContext`. */
export interface ValidationContextConfig {
	readonly trustedCa: DataSourceConfig | undefined;
	readonly systemRoots: boolean;
	/** Any of them; empty takes every name. */
	readonly subjectAltNames: readonly SubjectAltNameMatcher[];
	/** Base64 of the SHA-256 of the key. */
	readonly spkiHashes: readonly string[];
	/** Lower-case hex of the SHA-256 of the certificate. */
	readonly certificateHashes: readonly string[];
	readonly crl: DataSourceConfig | undefined;
	readonly allowExpired: boolean;
	/** Take certificates that no trusted root signed (`ACCEPT_UNTRUSTED`). */
	readonly acceptUntrusted: boolean;
	/** Authorities in a chain, its anchor among them; undefined for the library's bound. */
	readonly maxVerifyDepth: number | undefined;
	readonly onlyVerifyLeafCrl: boolean;
	/** The SPIFFE validator: a bundle per trust domain. */
	readonly spiffeTrustDomains: readonly { readonly name: string; readonly bundle: DataSourceConfig }[] | undefined;
	readonly watchedDirectory: string | undefined;
}

export interface SubjectAltNameMatcher {
	readonly type: "email" | "dns" | "uri" | "ip" | "any";
	readonly matcher: StringMatcher;
}

export type ValidationSource =
	/** Peers are not verified. */
	| { readonly kind: "none" }
	| { readonly kind: "inline"; readonly context: ValidationContextConfig }
	/** `defaults` hold where the secret says nothing (combined_validation_context). */
	| {
			readonly kind: "secret";
			readonly name: string;
			readonly source: ConfigSourceConfig | undefined;
			readonly defaults: ValidationContextConfig | undefined;
	  };

/** Where the keys of session tickets come from. */
export type TicketKeysSource =
	/** The library makes its own. */
	| { readonly kind: "none" }
	| { readonly kind: "inline"; readonly keys: readonly DataSourceConfig[] }
	| { readonly kind: "secret"; readonly name: string; readonly source: ConfigSourceConfig | undefined };

/** What both directions have in common, `CommonTlsContext`. */
export interface CommonTlsConfig {
	readonly minimumVersion: TlsVersion | undefined;
	readonly maximumVersion: TlsVersion | undefined;
	/** OpenSSL names; empty for the default list. */
	readonly cipherSuites: readonly string[];
	readonly ecdhCurves: readonly string[];
	/** Empty for the library's list. */
	readonly signatureAlgorithms: readonly string[];
	readonly certificates: readonly TlsCertificateSource[];
	readonly validation: ValidationSource;
	/** Keys of the tickets that a server gives out. */
	readonly ticketKeys: TicketKeysSource;
	readonly alpnProtocols: readonly string[];
}

export type TlsVersion = "TLSv1" | "TLSv1.1" | "TLSv1.2" | "TLSv1.3";

export interface DownstreamTlsConfig extends CommonTlsConfig {
	readonly requireClientCertificate: boolean;
	readonly requireSni: boolean;
	readonly disableStatelessResumption: boolean;
	readonly disableStatefulResumption: boolean;
	readonly sessionTimeoutMs: number | undefined;
	readonly preferClientCiphers: boolean;
	/** A server name that no certificate stands for is treated as if there were none. */
	readonly fullScanOnSniMismatch: boolean;
}

export interface UpstreamTlsConfig extends CommonTlsConfig {
	/** Empty for none. */
	readonly sni: string;
	readonly autoHostSni: boolean;
	/** Whether the server's certificate has to be for the server name that was sent. */
	readonly certifiesServerName: boolean;
	readonly autoSniSanValidation: boolean;
	readonly allowRenegotiation: boolean;
	readonly maxSessionKeys: number;
}

export type DownstreamTransportSocket =
	| { readonly kind: "raw-buffer" }
	| { readonly kind: "tls"; readonly tls: DownstreamTlsConfig };

/** The PROXY header in front of connections to hosts, and what it says. */
export interface ProxyProtocolOutConfig {
	readonly version: 1 | 2;
	/** Types of the client's own extensions that go on. */
	readonly passThrough: "all" | readonly number[];
	readonly addedTlvs: readonly { readonly type: number; readonly value: Buffer }[];
}

export type UpstreamTransportSocket =
	| ({ readonly kind: "raw-buffer" } & UpstreamSocketAdditions)
	| ({ readonly kind: "tls"; readonly tls: UpstreamTlsConfig } & UpstreamSocketAdditions);

/** What wraps the socket itself. */
interface UpstreamSocketAdditions {
	readonly proxyProtocol?: ProxyProtocolOutConfig | undefined;
	/** Metadata that internal listeners get with a connection. */
	readonly passthrough?: readonly PassthroughMetadata[];
}

/** `InternalUpstreamTransport.MetadataValueSource`. */
export interface PassthroughMetadata {
	readonly of: "host" | "cluster";
	readonly namespace: string;
}

/** A secret of SDS or of `static_resources.secrets`. */
export type SecretConfig =
	| { readonly kind: "tls-certificate"; readonly name: string; readonly certificate: TlsCertificateConfig }
	| { readonly kind: "validation-context"; readonly name: string; readonly context: ValidationContextConfig }
	| { readonly kind: "session-ticket-keys"; readonly name: string; readonly keys: readonly DataSourceConfig[] }
	| { readonly kind: "generic"; readonly name: string; readonly secret: DataSourceConfig };
