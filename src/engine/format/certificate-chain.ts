import { createHash, X509Certificate } from "node:crypto";
import type { TlsCertificate } from "./stream-info.ts";

/** What formats print of a certificate of a chain; hex in lower case. */
export interface ChainCertificate {
	readonly sha256: string;
	readonly sha1: string;
	readonly serial: string;
}

const known = new WeakMap<TlsCertificate, readonly ChainCertificate[]>();

/** The certificates that a peer sent, its own first; empty without a certificate. */
export function readChain(certificate: TlsCertificate | undefined): readonly ChainCertificate[] {
	if (certificate === undefined) return [];
	const read = known.get(certificate);
	if (read !== undefined) return read;
	const blocks = certificate.chainPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
	const chain = blocks.map((block): ChainCertificate => {
		const { raw, serialNumber } = new X509Certificate(block);
		const digest = (algorithm: string): string => createHash(algorithm).update(raw).digest("hex");
		return { sha256: digest("sha256"), sha1: digest("sha1"), serial: serialNumber.toLowerCase() };
	});
	known.set(certificate, chain);
	return chain;
}
