import type { Clock } from "../../core/index.ts";
import type { IssuedSvid } from "../../identity/index.ts";

/** A signed certificate, for people to look at. */
export interface ListedCertificate {
	readonly spiffeId: string;
	readonly serial: string;
	/** ISO 8601. */
	readonly notBefore: string;
	readonly notAfter: string;
}

/** The certificates that this process signed and that are still good, newest first. */
export interface CertificateList {
	add(issued: IssuedSvid): void;
	list(): readonly ListedCertificate[];
}

const maxCertificates = 10_000;

export function createCertificateList(clock: Clock): CertificateList {
	let issued: IssuedSvid[] = [];
	return {
		add(certificate) {
			issued.push(certificate);
			if (issued.length > maxCertificates)
				issued = issued.filter(({ notAfter }) => notAfter > clock.wall()).slice(-maxCertificates / 2);
		},
		list: () =>
			issued
				.filter(({ notAfter }) => notAfter > clock.wall())
				.map(({ spiffeId, serial, notBefore, notAfter }) => ({
					spiffeId,
					serial,
					notBefore: new Date(notBefore).toISOString(),
					notAfter: new Date(notAfter).toISOString(),
				}))
				.reverse(),
	};
}
