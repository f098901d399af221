import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { type CertificateSecret, readSubjectAltNames } from "../secret/index.ts";

/** What a handshake may use: at most one certificate of each kind of key, in the order in which they are preferred. */
export type CertificateGroup = readonly CertificateSecret[];

/** Of several certificates those that stand for a server name, as Envoy's default selector has it: by the exact name, else by the wildcard
 *  one level up; of one kind of key the first. A name that nobody stands for gets the first certificate, or with `fullScan` what a client
 *  without a server name gets: the first of each kind. Clients that can use both kinds get the ECDSA one. */
export function createCertificateChoice(
	certificates: readonly CertificateSecret[],
	fullScan: boolean,
): (serverName: string) => CertificateGroup {
	const known = certificates.map(describe);
	const nameless = toGroup(firstOfEachKind(known));
	const byName = new Map<string, Described[]>();
	for (const certificate of known) {
		for (const name of certificate.names) byName.set(name, [...(byName.get(name) ?? []), certificate]);
	}
	const groups = new Map([...byName].map(([name, list]) => [name, completeWithFirst(firstOfEachKind(list), known[0])]));
	const fallback = fullScan ? nameless : certificates.slice(0, 1);
	return (serverName) => {
		if (serverName === "") return nameless;
		// As it stands in the certificates: Envoy compares letter by letter.
		const dot = serverName.indexOf(".", 1);
		return groups.get(serverName) ?? (dot < 0 ? undefined : groups.get(`*${serverName.slice(dot)}`)) ?? fallback;
	};
}

interface Described {
	readonly secret: CertificateSecret;
	readonly isEcdsa: boolean;
	readonly names: ReadonlySet<string>;
}

function describe(secret: CertificateSecret): Described {
	const certificate = readCertificate(secret);
	if (certificate === undefined) return { secret, isEcdsa: false, names: new Set() };
	const isEcdsa = certificate.publicKey.asymmetricKeyType === "ec";
	return { secret, isEcdsa, names: new Set(readNames(certificate)) };
}

/** The names of DNS among the subject alternative names; the common name where there are no such names at all. */
function readNames(certificate: X509Certificate): readonly string[] {
	const dns = readSubjectAltNames(certificate).filter(({ type }) => type === "dns");
	if (certificate.subjectAltName !== undefined) return dns.map(({ value }) => value);
	const commonName = /^CN=(.+)$/m.exec(certificate.subject)?.[1];
	return commonName === undefined ? [] : [commonName];
}

function readCertificate({ cert, pfx, passphrase }: CertificateSecret): X509Certificate | undefined {
	if (cert !== undefined) return new X509Certificate(cert);
	if (pfx === undefined) return undefined;
	// Only the library reads PKCS#12.
	const { context } = createSecureContext({ pfx, ...(passphrase === undefined ? {} : { passphrase }) });
	const der = (context as { getCertificate?(): Buffer | null }).getCertificate?.();
	return der === null || der === undefined ? undefined : new X509Certificate(der);
}

function firstOfEachKind(list: readonly Described[]): readonly Described[] {
	const first = (isEcdsa: boolean): Described[] => list.filter((one) => one.isEcdsa === isEcdsa).slice(0, 1);
	return [...first(true), ...first(false)];
}

/** A client that cannot use the kind of key that a name has gets the first certificate, if it can use that. */
function completeWithFirst(group: readonly Described[], first: Described | undefined): CertificateGroup {
	const lacksKind = first !== undefined && !group.some(({ isEcdsa }) => isEcdsa === first.isEcdsa);
	const needsIt = lacksKind && !first.isEcdsa;
	return toGroup([...group, ...(needsIt ? [first] : [])]);
}

function toGroup(list: readonly Described[]): CertificateGroup {
	return list.map(({ secret }) => secret);
}
