import { X509Certificate } from "node:crypto";
import type { TlsCertificate } from "../../engine/format/index.ts";
import type { CommonTlsConfig } from "../runtime-config/index.ts";
import { isIssuer, isSame } from "./chain-path.ts";
import { type Revocation, readRevokedPeers } from "./revoked-peers.ts";
import type { SecretSource, ValidationSecret } from "./secret.ts";
import { readSubjectAltNames } from "./subject-alt-names.ts";

/** Whether peers that have passed their handshake would pass it still. */
export interface PeerTrust {
	/** A judge of chains (PEM, leaf first) by the roots of this moment: false when none vouches for the leaf, whose time is not looked at.
	 *  A resumed session has lost its issuers, so it takes those of our own certificate and of every chain that it has been shown. */
	judge(): (chainPem: string) => boolean;
	/** How the identity of a certificate's holder was taken away since it was issued; undefined when it was not. */
	revocationOf(peer: TlsCertificate): Revocation | undefined;
	/** Calls back when roots have gone, or identities; returns the way to stop. */
	onLost(listener: () => void): () => void;
}

/** Follows what a TLS context trusts.
 *  @param revokedPeers the secret that names peers whose identity was taken away */
export function createPeerTrust(
	{ validation: source, certificates }: Pick<CommonTlsConfig, "validation" | "certificates">,
	secrets: SecretSource,
	revokedPeers?: string,
): PeerTrust {
	let known: { readonly of: ValidationSecret; readonly roots: TrustedRoots } | undefined;
	const current = (): TrustedRoots | undefined => {
		const validation = secrets.validation(source);
		if (validation === undefined || validation === "none" || validation.systemRoots) return undefined;
		if (known?.of !== validation) known = { of: validation, roots: readRoots(validation) };
		return known.roots;
	};
	return {
		judge() {
			const roots = current();
			if (roots === undefined) return () => true;
			const issuers = new Map<string, X509Certificate>();
			const learn = (chain: readonly X509Certificate[]): void => {
				for (const one of chain) if (one.ca && issuers.size < maxIssuers) issuers.set(one.fingerprint256, one);
			};
			for (const own of certificates) learn(readPem(secrets.certificate(own)?.cert?.toString("latin1") ?? ""));
			return (chainPem) => {
				const chain = readPem(chainPem);
				learn(chain);
				return leadsToRoot(chain[0], [...issuers.values()], roots);
			};
		},
		revocationOf(peer) {
			const secret = revokedPeers === undefined ? undefined : secrets.get(revokedPeers);
			return secret?.kind === "generic" ? readRevokedPeers(secret).find(peer) : undefined;
		},
		onLost(listener) {
			let before = current();
			return secrets.onChange((name) => {
				if (name === revokedPeers) {
					listener();
					return;
				}
				if (source.kind !== "secret" || name !== source.name) return;
				const now = current();
				const isLess = before !== undefined && now !== undefined && lacksAny(now, before);
				before = now ?? before;
				if (isLess) listener();
			});
		},
	};
}

/** Roots by trust domain; one list for all where domains are not told apart. */
type TrustedRoots = ReadonlyMap<string, readonly X509Certificate[]>;

const anyDomain = "";
/** Bound on the certificates of a chain that are looked at. */
const maxChain = 16;
/** Bound on the issuers that a judge remembers. */
const maxIssuers = 100;

function readRoots({ ca, trustDomains }: ValidationSecret): TrustedRoots {
	if (trustDomains !== undefined) return trustDomains;
	return new Map([[anyDomain, ca === undefined ? [] : readPem(ca.toString("latin1"), Number.POSITIVE_INFINITY)]]);
}

function readPem(text: string, most = maxChain): X509Certificate[] {
	const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
	return blocks.slice(0, most).map((block) => new X509Certificate(block));
}

function lacksAny(now: TrustedRoots, before: TrustedRoots): boolean {
	for (const [domain, roots] of before) {
		const left = now.get(domain) ?? [];
		if (roots.some((root) => !left.some((one) => isSame(one, root)))) return true;
	}
	return false;
}

function leadsToRoot(
	leaf: X509Certificate | undefined,
	issuers: readonly X509Certificate[],
	trusted: TrustedRoots,
): boolean {
	if (leaf === undefined) return false;
	const roots = trusted.get(anyDomain) ?? trusted.get(trustDomainOf(leaf)) ?? [];
	let certificate: X509Certificate | undefined = leaf;
	for (let depth = 0; certificate !== undefined && depth < maxChain; depth++) {
		const current: X509Certificate = certificate;
		if (roots.some((root) => isSame(root, current) || isIssuer(root, current))) return true;
		certificate = issuers.find((one) => !isSame(one, current) && isIssuer(one, current));
	}
	return false;
}

function trustDomainOf(leaf: X509Certificate): string {
	const uri = readSubjectAltNames(leaf).find(({ type }) => type === "uri");
	return /^spiffe:\/\/([^/]+)/.exec(uri?.value ?? "")?.[1] ?? anyDomain;
}
