import type { X509Certificate } from "node:crypto";

/** One subject alternative name of a certificate. */
export interface SubjectAltName {
	readonly type: "uri" | "dns" | "email" | "ip";
	readonly value: string;
}

const prefixes: Readonly<Record<string, SubjectAltName["type"]>> = {
	URI: "uri",
	DNS: "dns",
	email: "email",
	"IP Address": "ip",
};

/** The subject alternative names of a certificate, in order. Node prints unusual values as JSON strings. */
export function readSubjectAltNames(certificate: X509Certificate): readonly SubjectAltName[] {
	const names: SubjectAltName[] = [];
	for (const [, prefix = "", quoted, plain] of (certificate.subjectAltName ?? "").matchAll(
		/([A-Za-z ]+):(?:("(?:[^"\\]|\\.)*")|([^,]*))(?:, |$)/g,
	)) {
		const type = prefixes[prefix.trim()];
		if (type === undefined) continue;
		names.push({ type, value: quoted === undefined ? (plain ?? "") : String(JSON.parse(quoted)) });
	}
	return names;
}
