/** A certificate with its key, as Node's `tls.createSecureContext` takes them. */
export interface CertificateSecret {
	readonly kind: "certificate";
	readonly name: string;
	/** Differs when the content does: key caches of secure contexts by it. */
	readonly version: string;
	/** PEM, leaf first. Absent with `pfx`. */
	readonly cert?: Buffer;
	/** PEM. Absent with `pfx`. */
	readonly key?: Buffer;
	/** PKCS#12 in place of `cert` and `key`. */
	readonly pfx?: Buffer;
	/** Password of `key` or `pfx`. */
	readonly passphrase?: string;
	readonly ocspStaple?: Buffer;
}

/** Which name of a peer certificate a matcher looks at. */
export type SanType = "uri" | "dns" | "email" | "ip" | "other-name" | "any";

/** One accepted subject alternative name. */
export interface SanMatcher {
	readonly sanType: SanType;
	matches(value: string): boolean;
}

/** What a peer's certificate must satisfy, beyond the chain check that Node does with `ca`. */
export interface ValidationSecret {
	readonly kind: "validation";
	readonly name: string;
	readonly version: string;
	/** PEM trust anchors; undefined when any chain is accepted (no `trusted_ca`). */
	readonly ca?: Buffer;
	readonly crl?: Buffer;
	/** Any one must match when there are some. */
	readonly sanMatchers: readonly SanMatcher[];
	/** Base64 SHA-256 of the public key (SPKI); any one must match when there are some. */
	readonly spkiPins: readonly string[];
	/** Lower-case hexadecimal SHA-256 of the whole certificate; any one must match when there are some. */
	readonly certificateHashes: readonly string[];
	readonly allowExpired: boolean;
	/** `trust_chain_verification: ACCEPT_UNTRUSTED`. */
	readonly acceptUntrusted: boolean;
	readonly maxVerifyDepth?: number;
}

export type TlsSecret = CertificateSecret | ValidationSecret;

/** Secrets by name, as listeners and clusters look them up when a connection is made: what exists keeps its old secret. */
export interface SecretSource {
	get(name: string): TlsSecret | undefined;
	/** Calls `listener` with the name of a secret that came or changed; returns the way to stop. */
	onChange(listener: (name: string) => void): () => void;
}
