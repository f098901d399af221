import { X509Certificate } from "node:crypto";
import type { KindName } from "../../config/index.ts";
import type { ObjectName } from "../../model/index.ts";
import type { ReportFinding, World } from "./world.ts";

const dayMs = 86_400_000;
/** How long before its end a certificate is told of. */
const warningMs = 30 * dayMs;

/** Certificates of Secrets and ConfigMaps that have ended, are about to, or are not valid yet. */
export function checkCertificates(world: World, report: ReportFinding): void {
	const { secrets, configMaps } = world.index.mesh;
	for (const secret of secrets) checkData(world.now, { ...secret, kind: "Secret" }, secret.data, report);
	for (const map of configMaps) checkData(world.now, { ...map, kind: "ConfigMap" }, map.data, report);
}

function checkData(
	now: number,
	object: ObjectName & { readonly kind: KindName },
	data: Readonly<Record<string, string>>,
	report: ReportFinding,
): void {
	for (const key of ["tls.crt", "cert", "ca.crt", "cacert"]) {
		const text = data[key];
		if (text === undefined) continue;
		const path = `data["${key}"]`;
		for (const { subject, validFrom, validTo } of readCertificates(text)) {
			const name = subject.replaceAll("\n", ", ") || "a certificate without a subject";
			const end = new Date(validTo).toISOString().slice(0, 10);
			if (validTo <= now) report("CERTIFICATE_EXPIRED", object, path, `${name} ended on ${end}: replace it`);
			else if (validFrom > now)
				report("CERTIFICATE_EXPIRED", object, path, `${name} is not valid before ${new Date(validFrom).toISOString()}`);
			else if (validTo - now < warningMs)
				report(
					"CERTIFICATE_EXPIRES_SOON",
					object,
					path,
					`${name} ends on ${end}, in ${Math.floor((validTo - now) / dayMs)} days: replace it`,
				);
		}
	}
}

interface ReadCertificate {
	readonly subject: string;
	readonly validFrom: number;
	readonly validTo: number;
}

/** The certificates of a text in PEM; what is no certificate is told by who uses it. */
function readCertificates(text: string): ReadCertificate[] {
	const blocks = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
	return blocks.slice(0, maxCertificates).flatMap((block) => {
		try {
			const { subject, validFrom, validTo } = new X509Certificate(block);
			return [{ subject: subject ?? "", validFrom: Date.parse(validFrom), validTo: Date.parse(validTo) }];
		} catch (error) {
			if (error instanceof Error) return [];
			throw error;
		}
	});
}

/** Bundles of public authorities have some 150. */
const maxCertificates = 500;
