import { MeshError } from "../core/index.ts";
import { type Certificate, formatCertificates, readCertificates } from "./x509/index.ts";

/** The authorities of a trust domain: whoever they sign for belongs to it. */
export interface TrustBundle {
	readonly trustDomain: string;
	readonly authorities: readonly Certificate[];
	/** The same authorities as PEM text. */
	readonly pem: string;
}

/** Reads the authorities of a trust domain from PEM text.
 *  @throws MeshError `TRUST_BUNDLE_INVALID` when it is empty, damaged or holds a certificate that is no authority */
export function parseTrustBundle(trustDomain: string, pem: string): TrustBundle {
	return createTrustBundle(trustDomain, readAuthorities(trustDomain, pem));
}

/** The bundle of authorities that were read already. */
export function createTrustBundle(trustDomain: string, authorities: readonly Certificate[]): TrustBundle {
	return { trustDomain, authorities, pem: formatCertificates(authorities.map((authority) => authority.der)) };
}

function readAuthorities(trustDomain: string, pem: string): Certificate[] {
	const invalid = (fault: string, cause?: unknown): MeshError =>
		new MeshError("TRUST_BUNDLE_INVALID", `trust bundle of ${trustDomain}: ${fault}`, { cause });
	let authorities: Certificate[];
	try {
		authorities = readCertificates(pem);
	} catch (error) {
		throw invalid("damaged certificate", error);
	}
	if (authorities.length === 0) throw invalid("no certificate in it");
	const stranger = authorities.find((authority) => !authority.extensions.isCa);
	if (stranger !== undefined) throw invalid(`certificate ${stranger.serial} is no certificate authority`);
	return authorities;
}
