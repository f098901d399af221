import type { Clock, Log } from "../../core/index.ts";
import type { SpiffeId } from "../../model/index.ts";
import type { TrustBundle } from "../trust-bundle.ts";
import type { AuditSink } from "./audit.ts";
import type { IssuerSlot, JwtSlot, PublicJwk, RootSlot } from "./authority-state.ts";
import type { AuthorityStorage } from "./authority-storage.ts";
import type { KeyProvider, KeyStatus } from "./key-provider.ts";
import type { SignedIssuer, UpstreamAuthority, UpstreamTrust } from "./upstream.ts";

/** Options of an authority. */
export interface AuthorityOptions {
	/** Where its slots live: a folder, made on first use (0700 with files of 0600), or a storage that several processes share. */
	readonly folder: string | AuthorityStorage;
	/** The trust domain it signs for, such as `cluster.local`. */
	readonly trustDomain: string;
	/** The machine's clock by default. */
	readonly clock?: Clock;
	/** Every signature is one line of it, at `info`; silent by default. */
	readonly log?: Log;
	/** Where its new private keys go; beside their certificates by default. Whoever gives it closes it. */
	readonly keys?: KeyProvider;
	/** Who signs its issuers; a root of its own by default. */
	readonly upstream?: UpstreamAuthority;
	/** Who trusts and shows what; without it nobody is waited for. */
	readonly holders?: HolderBoard;
	/** How long a root is published before it signs, for those who fetch the bundle and acknowledge nothing; 0 by default. */
	readonly rootPublishMs?: number;
	/** Where every signature is written down; nowhere by default. */
	readonly audit?: AuditSink;
	/** Whether this process does what is due by itself; always by default. */
	readonly isLeader?: () => boolean;
}

/** A live proxy or agent that stands in the way of a rotation. */
export interface WaitedFor {
	/** `<namespace>/<instance>`. */
	readonly name: string;
	/** Milliseconds since the epoch: since when it has not said what is waited for. */
	readonly since: number;
}

/** What live holders of certificates trust and show. */
export interface HolderBoard {
	/** The live ones that have not acknowledged every one of the roots (`Certificate.id`). */
	missing(rootIds: readonly string[]): readonly WaitedFor[];
	/** The live ones whose certificate, good still, is under the root slot. */
	holding(root: string): readonly WaitedFor[];
	/** How many are live. */
	count(): number;
	/** Calls back after every change; returns how to stop. */
	onChange(listener: () => void): () => void;
}

/** What to sign. Whoever calls has decided that the requester may have this identity. */
export interface SignRequest {
	/** DER of a PKCS #10 request. */
	readonly csr: Uint8Array;
	/** The identity to certify, of the authority's trust domain. */
	readonly spiffeId: string;
	/** Wanted lifetime, at least a minute; capped at 24 h and at the end of the issuer. */
	readonly ttlMs: number;
	/** Further names of the certificate; the request may ask for these and for no others. */
	readonly dnsNames?: readonly string[];
	/** Who will hold it, `<namespace>/<instance>`, when it is one that reports what it trusts and shows. */
	readonly holder?: string;
	/** Written into the subject as its serial number: by it certificates of one holder are told from others of the same identity, when
	 *  its identity is taken away. Letters and digits. */
	readonly subjectMark?: string;
	/** Whoever asks takes another certificate with each change of the authority: no root has to wait for this one's end. */
	readonly followsAuthority?: boolean;
}

/** A signed X.509-SVID. */
export interface IssuedSvid {
	readonly spiffeId: SpiffeId;
	/** PEM: the leaf, then the issuer. */
	readonly chain: string;
	/** PEM: the roots of the trust domain. */
	readonly bundle: string;
	/** Hexadecimal, lower case. */
	readonly serial: string;
	/** Milliseconds since the epoch. */
	readonly notBefore: number;
	/** Milliseconds since the epoch. */
	readonly notAfter: number;
	/** The root slot that it is under. */
	readonly root: string;
}

/** An issuer to sign for another authority of the trust domain. Whoever calls has decided that the requester may be one. */
export interface DownstreamRequest {
	/** DER of a PKCS #10 request. */
	readonly csr: Uint8Array;
	/** Who asks. */
	readonly spiffeId: SpiffeId;
	/** Wanted lifetime; capped at the end of whoever signs. */
	readonly ttlMs: number;
	/** The DNS names that may stand below it; any when there are none. */
	readonly dnsNames: readonly string[];
}

/** A signed issuer of another authority. */
export interface SignedDownstream extends SignedIssuer {
	readonly serial: string;
	/** Milliseconds since the epoch. */
	readonly notAfter: number;
	/** The root slot that it is under. */
	readonly root: string;
}

/** A JWT-SVID to sign. */
export interface TokenRequest {
	readonly spiffeId: string;
	/** At least one. */
	readonly audiences: readonly string[];
	/** Wanted lifetime; capped at an hour. */
	readonly ttlMs: number;
	/** Who asked, for the audit. */
	readonly holder?: string;
}

/** A public JWT key of a trust domain. */
export interface JwtAuthority {
	readonly keyId: string;
	readonly publicJwk: PublicJwk;
	/** Milliseconds since the epoch. */
	readonly notAfter: number;
}

/** What another trust domain has published, as far as this one relates to it. */
export interface FederatedBundle {
	readonly trustDomain: string;
	/** PEM of its roots; empty when it has JWT keys alone. */
	readonly pem: string;
	/** Its JWT keys. */
	readonly jwks: readonly JwtAuthority[];
}

/** One key of the authority, for people to look at. */
export interface AuthorityCertificate {
	readonly role: "root" | "issuer";
	readonly phase: RootSlot["phase"] | IssuerSlot["phase"];
	readonly serial: string;
	readonly notBefore: number;
	readonly notAfter: number;
}

/** How far an authority is. */
export interface AuthorityStatus {
	readonly trustDomain: string;
	readonly sequence: number;
	readonly roots: readonly (RootSlot & { readonly ids: readonly string[]; readonly heldBy: readonly WaitedFor[] })[];
	readonly issuers: readonly (IssuerSlot & { readonly serial: string })[];
	readonly jwtKeys: readonly Omit<JwtSlot, "publicJwk">[];
	/** The proxies that have not acknowledged the roots of the newest bundle. */
	readonly missing: readonly WaitedFor[];
	/** How many proxies are asked. */
	readonly live: number;
	/** Where new private keys go. */
	readonly keys: KeyStatus;
}

/** A certificate authority of one trust domain: a root (or somebody upstream) that signs issuers, an issuer that signs SVIDs, and keys
 *  that sign JWT-SVIDs. */
export interface Authority {
	readonly trustDomain: string;
	/** @throws MeshError `CSR_INVALID`, `CSR_REFUSED`, `SPIFFE_ID_INVALID`, `AUTHORITY_EXPIRED` */
	sign(request: SignRequest): Promise<IssuedSvid>;
	/** Signs a JWT-SVID with ES256.
	 *  @throws MeshError `CSR_REFUSED`, `SPIFFE_ID_INVALID`, `AUTHORITY_EXPIRED` */
	signJwt(request: TokenRequest): Promise<{ readonly token: string; readonly expiresAt: number }>;
	/** Signs an issuer of path length 0 for another authority, for names of the trust domain only.
	 *  @throws MeshError `CSR_INVALID`, `CSR_REFUSED`, `AUTHORITY_EXPIRED`, `AUTHORITY_UPSTREAM` when its own issuer may not */
	signDownstream(request: DownstreamRequest): Promise<SignedDownstream>;
	/** What authorities below it need to know. */
	trust(): UpstreamTrust;
	/** Publishes JWT keys of authorities below it as well. */
	setDownstreamJwtKeys(keys: readonly JwtAuthority[]): void;
	/** The roots of the trust domain: those to come and those on their way out as well. */
	bundle(): TrustBundle;
	/** The public JWT keys of the trust domain, likewise. */
	jwtKeys(): readonly JwtAuthority[];
	/** Rises with every change of `bundle` and `jwtKeys`. */
	sequence(): number;
	/** The bundles of related trust domains. */
	federatedBundles(): readonly FederatedBundle[];
	/** Takes over what related trust domains published. */
	setFederatedBundles(bundles: readonly FederatedBundle[]): void;
	/** Calls back when roots, issuer, JWT keys or federated bundles changed; returns how to stop. */
	onChange(listener: () => void): () => void;
	/** Roots and issuers, those in use first. */
	certificates(): readonly AuthorityCertificate[];
	status(): AuthorityStatus;
	/** Begins a rotation; what follows happens by itself as proxies acknowledge.
	 *  @param options.force activates the new root though proxies are missing
	 *  @throws MeshError `AUTHORITY_ROTATING`, and what signing and writing throw */
	rotate(what: "issuer" | "root" | "jwt", options?: { readonly by?: string; readonly force?: boolean }): Promise<void>;
	/** A request (PEM) for an issuer that somebody upstream is to sign by hand; the same until it is answered. */
	requestIssuer(by?: string): Promise<string>;
	/** Takes the answer to `requestIssuer`.
	 *  @throws MeshError `AUTHORITY_UPSTREAM` when it does not fit */
	installIssuer(signed: SignedIssuer, by?: string): Promise<void>;
	/** Does what is due; whoever knows of a change need not wait for the timer. */
	advance(): Promise<void>;
	close(): void;
}
