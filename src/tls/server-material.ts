import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Clock } from "../core/index.ts";
import { encodeCertificate, encodeCertificateRequest } from "./messages.ts";
import { PeerVerdicts } from "./peer-verdicts.ts";
import { chainSchemes, schemeOf } from "./signature.ts";
import { type Suite, suites } from "./suite.ts";
import { TicketBox } from "./tickets.ts";

/** What servers are made of. */
export interface ServerMaterialOptions {
	/** PEM, leaf first. */
	readonly cert: Buffer;
	/** PEM. */
	readonly key: Buffer;
	readonly passphrase: string | undefined;
	/** What the library would get for the same: authorities, revocation lists, and how chains are judged. */
	readonly library: SecureContextOptions;
	/** PEM: whose names clients are told. */
	readonly authorities: Buffer | undefined;
	/** Names of TLS 1.3 suites in order of preference. */
	readonly suites: readonly string[];
	readonly prefersServer: boolean;
	/** Undefined: no tickets. */
	readonly sessionSeconds: number | undefined;
	readonly clock: Clock;
}

/** All that handshakes of a server have in common, computed once. */
export interface ServerMaterial {
	readonly key: KeyObject;
	/** What the key signs with. */
	readonly scheme: number;
	readonly leaf: X509Certificate;
	/** The Certificate message. */
	readonly certificate: Buffer;
	/** The CertificateRequest message. */
	readonly certificateRequest: Buffer;
	readonly suites: readonly Suite[];
	readonly prefersServer: boolean;
	readonly verdicts: PeerVerdicts;
	readonly tickets: TicketBox | undefined;
}

const pemPattern = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Undefined where the library has to serve: for keys other than ECDSA on P-256 and RSA, and for what it alone can read. */
export function createServerMaterial(options: ServerMaterialOptions): ServerMaterial | undefined {
	const { cert, library, authorities, sessionSeconds, clock } = options;
	try {
		const key = createPrivateKey({
			key: options.key,
			...(options.passphrase === undefined ? {} : { passphrase: options.passphrase }),
		});
		const scheme = schemeOf(key);
		const chain = readCertificates(cert);
		if (scheme === undefined || chain.length === 0) return undefined;
		const context = createSecureContext({ ...library, minVersion: "TLSv1.2", maxVersion: "TLSv1.2" });
		return {
			key,
			scheme,
			leaf: chain[0]!,
			certificate: encodeCertificate(chain.map(({ raw }) => raw)),
			certificateRequest: encodeCertificateRequest(
				chainSchemes,
				authorities === undefined ? [] : readCertificates(authorities).map(({ raw }) => readSubject(raw)),
			),
			suites: [...suites.values()]
				.filter(({ name }) => options.suites.includes(name))
				.sort((a, b) => options.suites.indexOf(a.name) - options.suites.indexOf(b.name)),
			prefersServer: options.prefersServer,
			verdicts: new PeerVerdicts(context, clock),
			tickets: sessionSeconds === undefined ? undefined : new TicketBox(sessionSeconds, () => clock.wall()),
		};
	} catch {
		// What the library says of it, it says to whoever configured it.
		return undefined;
	}
}

function readCertificates(pem: Buffer): readonly X509Certificate[] {
	return [...pem.toString("latin1").matchAll(pemPattern)].map(([text]) => new X509Certificate(text));
}

/** The subject's name in DER (RFC 5280, section 4.1): the field behind version, number, algorithm, issuer and validity. */
function readSubject(certificate: Buffer): Buffer {
	const outer = readElement(certificate, 0);
	let at = readElement(certificate, outer.content).content;
	const isVersion = certificate[at] === 0xa0;
	for (let skip = isVersion ? 5 : 4; skip > 0; skip--) at = readElement(certificate, at).end;
	return certificate.subarray(at, readElement(certificate, at).end);
}

function readElement(der: Buffer, at: number): { readonly content: number; readonly end: number } {
	const first = der[at + 1]!;
	const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
	const length = lengthBytes === 0 ? first : der.readUIntBE(at + 2, lengthBytes);
	const content = at + 2 + lengthBytes;
	return { content, end: content + length };
}
