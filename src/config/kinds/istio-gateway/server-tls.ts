import type { ServerTls } from "../../../model/index.ts";
import { list } from "../../schema/collections.ts";
import { defaulted, type ObjectOf, object, optional } from "../../schema/object.ts";
import { boolean, oneOf, string } from "../../schema/scalars.ts";

const text = string({ maxLength: 4096 });
const versions = ["TLS_AUTO", "TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"] as const;
const modes = ["PASSTHROUGH", "SIMPLE", "MUTUAL", "AUTO_PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL"] as const;

const certificateFiles = object({
	serverCertificate: optional(text, "File with the certificate"),
	privateKey: optional(text, "File with the private key"),
	caCertificates: optional(text, "File with the certificates that clients are checked by"),
});

const tlsFields = {
	httpsRedirect: defaulted(boolean(), false, "Answers plain requests with 301 to https"),
	mode: defaulted(oneOf(modes), "PASSTHROUGH", "How TLS is ended", "PASSTHROUGH"),
	serverCertificate: optional(text, "File with the certificate"),
	privateKey: optional(text, "File with the private key"),
	caCertificates: optional(text, "File with the certificates that clients are checked by"),
	caCrl: optional(text, "File with revoked certificates of clients; of Secrets it is their `ca.crl`"),
	credentialName: optional(text, "Secret with the certificate, in the namespace of the gateway's proxy"),
	credentialNames: optional(list(text, { max: 2 }), "Secrets with certificates of different key types"),
	caCertCredentialName: optional(text, "Secret with the certificates that clients are checked by"),
	tlsCertificates: optional(list(certificateFiles, { max: 2 }), "Files of certificates of different key types"),
	subjectAltNames: optional(list(text, { max: 100 }), "Names of which the certificate of a client must have one"),
	verifyCertificateSpki: optional(
		list(text, { max: 100 }),
		"SHA-256 hashes of keys, in base64, of which a client must have one",
	),
	verifyCertificateHash: optional(
		list(text, { max: 100 }),
		"SHA-256 hashes of certificates, in hex, of which a client must have one",
	),
	minProtocolVersion: defaulted(oneOf(versions), "TLS_AUTO", "Lowest version of TLS", "TLS_AUTO"),
	maxProtocolVersion: defaulted(oneOf(versions), "TLS_AUTO", "Highest version of TLS", "TLS_AUTO"),
	cipherSuites: optional(list(text, { max: 64 }), "Cipher suites of TLS 1.2, in OpenSSL's names"),
	insecureSkipVerify: defaulted(boolean(), false, "Takes certificates of clients unchecked, with OPTIONAL_MUTUAL"),
};

/** `tls` of a server of a Gateway, and of a listener of a Sidecar. */
export const serverTls = object(tlsFields);

/** It as read. */
export type ServerTlsSpec = ObjectOf<typeof tlsFields>;

/** What a proxy could not do with the TLS settings of a server. */
export function findTlsFault(protocol: string, tls: ServerTlsSpec | undefined): string | undefined {
	const isEncrypted = protocol === "HTTPS" || protocol === "TLS";
	if (tls === undefined) return isEncrypted ? `is required with protocol ${protocol}` : undefined;
	const { mode } = tls;
	if (!isEncrypted && protocol !== "TCP" && !tls.httpsRedirect && mode !== "PASSTHROUGH")
		return `needs protocol HTTPS or TLS, not ${protocol}`;
	const ownCertificate = mode === "SIMPLE" || mode === "MUTUAL" || mode === "OPTIONAL_MUTUAL";
	if (!ownCertificate || !isEncrypted) return undefined;
	const hasSecret = tls.credentialName !== undefined || (tls.credentialNames ?? []).length > 0;
	if (hasSecret) return undefined;
	const files = tls.tlsCertificates?.[0] ?? tls;
	if (files.serverCertificate === undefined || files.privateKey === undefined)
		return `needs a certificate with mode ${mode}: credentialName, or serverCertificate and privateKey`;
	if (
		mode === "MUTUAL" &&
		(tls.caCertificates ?? files.caCertificates) === undefined &&
		tls.caCertCredentialName === undefined
	)
		return "needs the certificates that clients are checked by: caCertificates";
	return undefined;
}

/** It as the model has it. */
export function toServerTls(tls: ServerTlsSpec): ServerTls {
	const { serverCertificate: certificate, privateKey, caCertificates } = tls.tlsCertificates?.[0] ?? tls;
	const authorities = caCertificates ?? tls.caCertificates;
	return {
		mode: tls.mode,
		httpsRedirect: tls.httpsRedirect,
		credentialNames: tls.credentialNames ?? (tls.credentialName === undefined ? [] : [tls.credentialName]),
		...(tls.caCertCredentialName !== undefined && { caCertificateCredentialName: tls.caCertCredentialName }),
		...(certificate !== undefined &&
			privateKey !== undefined && {
				files: { certificate, privateKey, ...(authorities !== undefined && { caCertificates: authorities }) },
			}),
		...(tls.caCrl !== undefined && { caCrl: tls.caCrl }),
		subjectAltNames: tls.subjectAltNames ?? [],
		certificateSpkis: tls.verifyCertificateSpki ?? [],
		certificateHashes: tls.verifyCertificateHash ?? [],
		minVersion: tls.minProtocolVersion,
		maxVersion: tls.maxProtocolVersion,
		cipherSuites: tls.cipherSuites ?? [],
		insecureSkipVerify: tls.insecureSkipVerify,
	};
}
