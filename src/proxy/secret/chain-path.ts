import type { X509Certificate } from "node:crypto";

/** Bound on the certificates of a chain that are looked at. */
const maxShown = 100;
/** Bound on the signatures that are verified for one peer. */
const maxSignatures = 64;

/** Finds how a leaf leads to one of the anchors by the certificates that its peer has shown. Node tells those in the order they were sent, so
 *  that the next one need not have signed the one before: each link is verified.
 *  @returns the authorities between, nearest first; undefined when it leads to none */
export function findChainPath(
	leaf: X509Certificate,
	anchors: readonly X509Certificate[],
): readonly X509Certificate[] | undefined {
	const others = new Set(listShown(leaf));
	let left = maxSignatures;
	const signs = (issuer: X509Certificate, one: X509Certificate): boolean =>
		one.checkIssued(issuer) && left-- > 0 && one.verify(issuer.publicKey);
	const paths: { readonly end: X509Certificate; readonly issuers: readonly X509Certificate[] }[] = [
		{ end: leaf, issuers: [] },
	];
	for (const { end, issuers } of paths) {
		if (anchors.some((anchor) => isSame(anchor, end) || signs(anchor, end))) return issuers;
		for (const other of others) {
			if (!other.ca || !signs(other, end)) continue;
			others.delete(other);
			paths.push({ end: other, issuers: [...issuers, other] });
		}
	}
	return undefined;
}

/** What was shown behind the leaf, each one once. */
export function listShown(leaf: X509Certificate): readonly X509Certificate[] {
	const shown = new Map<string, X509Certificate>();
	let next = leaf.issuerCertificate;
	for (let count = 0; next !== undefined && count < maxShown; count++) {
		const { raw }: X509Certificate = next;
		if (!isSame(next, leaf)) shown.set(raw.latin1Slice(0, raw.length), next);
		next = next.issuerCertificate;
	}
	return [...shown.values()];
}

/** Whether it is the same certificate. */
export function isSame(one: X509Certificate, other: X509Certificate): boolean {
	return one.raw.equals(other.raw);
}

/** Whether one has signed the other. */
export function isIssuer(issuer: X509Certificate, certificate: X509Certificate): boolean {
	return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
