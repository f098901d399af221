import type { X509Certificate } from "node:crypto";
import type {
	SubjectAltNameMatcher,
	TicketKeysSource,
	TlsCertificateSource,
	ValidationSource,
} from "../runtime-config/index.ts";
import type { ChainRules } from "./chain-rules.ts";

/** A certificate with its key, as Node's `tls.createSecureContext` takes them. Frozen: a rotation makes another object. */
export interface CertificateSecret {
	readonly kind: "certificate";
	readonly name: string;
	/** Differs when the content does: key caches of secure contexts by it. */
	readonly version: string;
	/** PEM, leaf first. Undefined with `pfx`. */
	readonly cert: Buffer | undefined;
	/** PEM. Undefined with `pfx`. */
	readonly key: Buffer | undefined;
	/** PKCS#12 in place of `cert` and `key`. */
	readonly pfx: Buffer | undefined;
	/** Password of `key` or `pfx`. */
	readonly passphrase: string | undefined;
}

/** What a peer's certificate must satisfy. Node checks the chain against `ca` (and `crl`), `verifyPeer` the rest. */
export interface ValidationSecret {
	readonly kind: "validation";
	readonly name: string;
	readonly version: string;
	/** PEM trust anchors, those of every SPIFFE trust domain included; undefined when none are given. */
	readonly ca: Buffer | undefined;
	/** Trust the system's roots. */
	readonly systemRoots: boolean;
	readonly crl: Buffer | undefined;
	/** Any of them; empty takes every name. */
	readonly subjectAltNames: readonly SubjectAltNameMatcher[];
	/** Base64 of the SHA-256 of the public key; any of them, empty takes every key. */
	readonly spkiHashes: readonly string[];
	/** Lower-case hex of the SHA-256 of the certificate; any of them, empty takes every certificate. */
	readonly certificateHashes: readonly string[];
	readonly allowExpired: boolean;
	/** Take certificates that no trusted root signed. */
	readonly acceptUntrusted: boolean;
	/** Of the SPIFFE validator: the roots of each trust domain. */
	readonly trustDomains: ReadonlyMap<string, readonly X509Certificate[]> | undefined;
	/** What the library does not check of chains; undefined for nothing. */
	readonly chainRules: ChainRules | undefined;
}

/** Keys of session tickets: the first is for new tickets. */
export interface TicketKeysSecret {
	readonly kind: "ticket-keys";
	readonly name: string;
	readonly version: string;
	/** 80 bytes each, as in `session_ticket_keys`. */
	readonly keys: readonly Buffer[];
}

/** Bytes for whoever asks for them by name. */
export interface GenericSecret {
	readonly kind: "generic";
	readonly name: string;
	readonly version: string;
	readonly bytes: Buffer;
}

export type TlsSecret = CertificateSecret | ValidationSecret | TicketKeysSecret | GenericSecret;

/** Secrets as listeners and clusters look them up when a connection is made: what exists keeps the secret it began with.
 *  The same object is returned until the secret changes. */
export interface SecretSource {
	/** A secret of SDS or of the bootstrap by name; undefined until it came. */
	get(name: string): TlsSecret | undefined;
	/** The key pair a TLS context refers to, inline or by name; undefined until it came. */
	certificate(source: TlsCertificateSource): CertificateSecret | undefined;
	/** What a TLS context demands of peers: a secret by name is joined with the context's defaults. Undefined until it came;
	 *  `none` when peers are not verified. */
	validation(source: ValidationSource): ValidationSecret | "none" | undefined;
	/** The keys of a context's session tickets; undefined until they came, `none` when the library makes its own. */
	ticketKeys(source: TicketKeysSource): TicketKeysSecret | "none" | undefined;
	/** Calls `listener` with the name of a secret that came or changed; returns the way to stop. */
	onChange(listener: (name: string) => void): () => void;
}
