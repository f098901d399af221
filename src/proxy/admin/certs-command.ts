import { X509Certificate } from "node:crypto";
import type { AdminPem, AdminState } from "./admin-state.ts";
import { type AdminResponse, json } from "./request.ts";

const dayMs = 86_400_000;

/** `/certs`: the certificates in use and the roots they are checked against. @param wall milliseconds since the Unix epoch */
export function describeCertificates(state: AdminState, wall: number): AdminResponse {
	const certificates = state.certificates().map(({ caCertificates, chain }) => ({
		ca_cert: caCertificates.flatMap((pem) => describePem(pem, wall)),
		cert_chain: chain.flatMap((pem) => describePem(pem, wall)),
	}));
	return json({ certificates });
}

function describePem({ path, pem }: AdminPem, wall: number): Record<string, unknown>[] {
	const blocks = pem.toString().match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
	return blocks.map((block) => {
		const certificate = new X509Certificate(block);
		const names = readSubjectAltNames(certificate.subjectAltName ?? "");
		const until = certificate.validToDate.getTime();
		return {
			path,
			serial_number: certificate.serialNumber.toLowerCase(),
			subject_alt_names: names,
			days_until_expiration: String(Math.max(0, Math.floor((until - wall) / dayMs))),
			valid_from: formatTime(certificate.validFromDate),
			expiration_time: formatTime(certificate.validToDate),
		};
	});
}

/** Node's `DNS:localhost, URI:spiffe://x`: names with a comma are quoted as JSON. */
function readSubjectAltNames(list: string): Record<string, string>[] {
	const names: Record<string, string>[] = [];
	for (const match of list.matchAll(/(DNS|URI|IP Address):(?:("(?:[^"\\]|\\.)*")|([^,]*))/g)) {
		const value = match[2] === undefined ? match[3]! : (JSON.parse(match[2]) as string);
		names.push({ [match[1] === "DNS" ? "dns" : match[1] === "URI" ? "uri" : "ip_address"]: value });
	}
	return names;
}

function formatTime(date: Date): string {
	return date.toISOString().replace(".000Z", "Z");
}
