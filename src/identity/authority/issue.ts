import { randomBytes } from "node:crypto";
import type { SpiffeId } from "../../model/index.ts";
import {
	type AlternativeName,
	type Certificate,
	type ExtensionOptions,
	encodeName,
	encodePublicKey,
	issueCertificate,
	keyIdentifierOf,
	oid,
	readCertificate,
	type SigningKey,
	type SigningRequest,
	subjectOf,
} from "../x509/index.ts";
import { capLifetime } from "./authority-slot.ts";

/** A certificate that can sign, with its key. */
export interface Signer {
	readonly certificate: Certificate;
	readonly key: SigningKey;
}

/** What is to be signed for a workload. */
export interface LeafOptions {
	readonly wanted: SigningRequest;
	readonly spiffeId: SpiffeId;
	readonly dnsNames: readonly string[];
	readonly ttlMs: number;
	/** See `SignRequest.subjectMark`. */
	readonly subjectMark?: string | undefined;
}

const day = 24 * 3_600_000;
const rootLifetimeMs = 3650 * day;
/** How long an issuer lives, unless its root or whoever is upstream ends it sooner. */
export const issuerLifetimeMs = 365 * day;
/** Peers' clocks may be behind by this much: certificates begin before they are issued. */
export const backdateMs = 60_000;
const minTtlMs = 60_000;
const maxTtlMs = day;

/** A self-signed root of a trust domain. */
export async function issueRoot(trustDomain: string, key: SigningKey, now: number): Promise<Certificate> {
	const publicKey = encodePublicKey(key.publicKey);
	const name = encodeName({ organization: trustDomain, commonName: "amime root" });
	const fields = {
		serial: createSerial(),
		subject: name,
		publicKey,
		notBefore: now - backdateMs,
		notAfter: now + rootLifetimeMs,
		extensions: authorityExtensions(trustDomain, 1, publicKey, keyIdentifierOf(publicKey)),
	};
	return readCertificate(await issueCertificate(fields, name, key));
}

/** An issuer under a root. */
export async function issueIssuer(
	trustDomain: string,
	publicKey: Uint8Array,
	root: Signer,
	now: number,
	ttlMs = issuerLifetimeMs,
	permittedNames?: readonly AlternativeName[],
): Promise<Certificate> {
	const fields = {
		serial: createSerial(),
		subject: issuerSubject(trustDomain),
		publicKey,
		notBefore: Math.max(now - backdateMs, root.certificate.notBefore),
		notAfter: capLifetime(now + ttlMs, root.certificate),
		extensions: {
			...authorityExtensions(trustDomain, 0, publicKey, identifierOf(root.certificate)),
			...(permittedNames !== undefined && { permittedNames }),
		},
	};
	return readCertificate(await issueCertificate(fields, subjectOf(root.certificate), root.key));
}

/** DER of the subject of an issuer. */
export function issuerSubject(trustDomain: string): Buffer {
	return encodeName({ organization: trustDomain, commonName: "amime issuer" });
}

/** What an issuer asks of whoever is upstream. */
export function issuerExtensions(trustDomain: string): ExtensionOptions {
	return {
		basicConstraints: { isCa: true, pathLength: 0 },
		keyUsages: ["keyCertSign", "cRLSign"],
		names: [{ kind: "uri", value: `spiffe://${trustDomain}` }],
	};
}

/** A leaf for a workload: X509-SVID section 4 and Appendix A. */
export async function issueLeaf(issuer: Signer, options: LeafOptions, now: number) {
	const { wanted, spiffeId, dnsNames, ttlMs, subjectMark: serialNumber } = options;
	const ttl = Math.min(Math.max(ttlMs, minTtlMs), maxTtlMs);
	const notBefore = wholeSeconds(Math.max(now - backdateMs, issuer.certificate.notBefore));
	const notAfter = wholeSeconds(capLifetime(now + ttl, issuer.certificate));
	const serial = createSerial();
	const names: AlternativeName[] = [{ kind: "uri", value: spiffeId }];
	const fields = {
		serial,
		subject: encodeName(serialNumber === undefined ? {} : { serialNumber }),
		publicKey: wanted.publicKey,
		notBefore,
		notAfter,
		extensions: {
			basicConstraints: { isCa: false },
			keyUsages: ["digitalSignature"],
			extendedKeyUsages: [oid.serverAuth, oid.clientAuth],
			subjectKeyIdentifier: keyIdentifierOf(wanted.publicKey),
			authorityKeyIdentifier: identifierOf(issuer.certificate),
			names: names.concat(dnsNames.map((value) => ({ kind: "dns", value }))),
			namesCritical: true,
		} satisfies ExtensionOptions,
	};
	const der = await issueCertificate(fields, subjectOf(issuer.certificate), issuer.key);
	return { der, serial: serial.toString("hex"), notBefore, notAfter };
}

/** What a certificate calls its key; others may have named it in their own way (RFC 5280 section 4.2.1.2). */
function identifierOf({ extensions, publicKey }: Certificate): Buffer {
	return extensions.subjectKeyIdentifier ?? keyIdentifierOf(encodePublicKey(publicKey));
}

function authorityExtensions(
	trustDomain: string,
	pathLength: number,
	publicKey: Uint8Array,
	parentIdentifier: Uint8Array,
): ExtensionOptions {
	return {
		...issuerExtensions(trustDomain),
		basicConstraints: { isCa: true, pathLength },
		subjectKeyIdentifier: keyIdentifierOf(publicKey),
		authorityKeyIdentifier: parentIdentifier,
	};
}

/** 128 random bits, of which the first is 0 and the second 1: positive, and always of the same length. */
function createSerial(): Buffer {
	const serial = randomBytes(16);
	serial[0] = (serial[0]! & 0x7f) | 0x40;
	return serial;
}

function wholeSeconds(epochMs: number): number {
	return Math.floor(epochMs / 1000) * 1000;
}
