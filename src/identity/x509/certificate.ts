import { createHash, createPublicKey, type KeyObject, sign, X509Certificate } from "node:crypto";
import {
	type DerElement,
	decodeChildren,
	decodeDer,
	derTag,
	encodeBitString,
	encodeContext,
	encodeDer,
	encodeOid,
	encodeSequence,
	encodeTime,
	encodeUnsigned,
	expectTag,
} from "./der.ts";
import {
	decodeExtensions,
	type ExtensionOptions,
	type ExtensionValues,
	encodeCertificateExtensions,
} from "./extensions.ts";
import { oid } from "./oids.ts";
import { formatPem, parsePem } from "./pem.ts";

/** A certificate as read: node's own view for signatures, and what the extensions say. */
export interface Certificate {
	readonly der: Buffer;
	readonly x509: X509Certificate;
	readonly publicKey: KeyObject;
	/** Hexadecimal, lower case. */
	readonly serial: string;
	/** Milliseconds since the epoch. */
	readonly notBefore: number;
	/** Milliseconds since the epoch. */
	readonly notAfter: number;
	readonly extensions: ExtensionValues;
	/** SHA-256 of the DER, hexadecimal, lower case: what a root is called by those who acknowledge it. */
	readonly id: string;
}

/** A distinguished name in short. */
export interface DistinguishedName {
	readonly organization?: string;
	readonly commonName?: string;
	/** Letters and digits. */
	readonly serialNumber?: string;
}

/** Whose signature a certificate gets; the key is EC (signed with SHA-256, or SHA-384 for P-384) or RSA (SHA-256). */
export interface CertificateIssuer {
	/** DER of the issuer's name, as `encodeName` or `subjectOf` give it. */
	readonly name: Uint8Array;
	readonly privateKey: KeyObject;
}

/** What a new certificate says. */
export interface CertificateFields {
	/** Unsigned, big endian, 1 to 20 bytes. */
	readonly serial: Uint8Array;
	/** DER of the subject's name. */
	readonly subject: Uint8Array;
	/** DER of the SubjectPublicKeyInfo. */
	readonly publicKey: Uint8Array;
	/** Milliseconds since the epoch; written in whole seconds, rounded down. */
	readonly notBefore: number;
	/** Milliseconds since the epoch; written in whole seconds, rounded down. */
	readonly notAfter: number;
	readonly extensions: ExtensionOptions;
}

/** A private key that can sign, wherever it is: in this process, or behind a plugin that never gives it away. */
export interface SigningKey {
	/** P-256 or P-384 of ECDSA, or RSA. */
	readonly publicKey: KeyObject;
	/** Signs with the hash that `signatureAlgorithmOf` gives the key; ECDSA signatures are DER. */
	sign(data: Uint8Array): Buffer | Promise<Buffer>;
}

/** A signing key in this process. */
export function createLocalKey(privateKey: KeyObject): SigningKey {
	const { hash } = signatureAlgorithmOf(privateKey);
	return { publicKey: createPublicKey(privateKey), sign: (data) => sign(hash, data, privateKey) };
}

/** Signs an X.509 v3 certificate and returns its DER. */
export function createCertificate(fields: CertificateFields, issuer: CertificateIssuer): Buffer {
	const algorithm = signatureAlgorithmOf(issuer.privateKey);
	const toBeSigned = encodeToBeSigned(fields, issuer.name, algorithm.der);
	const signature = sign(algorithm.hash, toBeSigned, issuer.privateKey);
	return encodeSequence(toBeSigned, algorithm.der, encodeBitString(signature));
}

/** The same with a key that may be elsewhere.
 *  @param name DER of the issuer's name */
export async function issueCertificate(fields: CertificateFields, name: Uint8Array, key: SigningKey): Promise<Buffer> {
	const algorithm = signatureAlgorithmOf(key.publicKey);
	const toBeSigned = encodeToBeSigned(fields, name, algorithm.der);
	return encodeSequence(toBeSigned, algorithm.der, encodeBitString(await key.sign(toBeSigned)));
}

function encodeToBeSigned(fields: CertificateFields, issuerName: Uint8Array, algorithm: Uint8Array): Buffer {
	return encodeSequence(
		version3,
		encodeUnsigned(fields.serial),
		algorithm,
		issuerName,
		encodeSequence(encodeTime(fields.notBefore), encodeTime(fields.notAfter)),
		fields.subject,
		fields.publicKey,
		encodeCertificateExtensions(fields.extensions),
	);
}

/** Reads one certificate.
 *  @throws Error when the bytes are no certificate */
export function readCertificate(der: Uint8Array): Certificate {
	const x509 = new X509Certificate(der);
	const toBeSigned = toBeSignedOf(x509.raw);
	const last = toBeSigned[toBeSigned.length - 1];
	const extensions = last?.tag === 0xa3 ? decodeChildren(last)[0] : undefined;
	return {
		der: x509.raw,
		x509,
		publicKey: x509.publicKey,
		serial: x509.serialNumber.toLowerCase(),
		notBefore: x509.validFromDate.getTime(),
		notAfter: x509.validToDate.getTime(),
		extensions: extensions === undefined ? noExtensions : decodeExtensions(extensions),
		id: createHash("sha256").update(x509.raw).digest("hex"),
	};
}

/** Reads every certificate of a PEM text, in order.
 *  @throws Error when one of them is no certificate */
export function readCertificates(pem: string): Certificate[] {
	return parsePem("CERTIFICATE", pem).map(readCertificate);
}

/** Reads certificates whose DER stands one after the other, as the Workload API has them.
 *  @throws Error when one of them is no certificate */
export function readDerCertificates(bytes: Uint8Array): Certificate[] {
	const content = Buffer.from(bytes);
	return decodeChildren({ tag: derTag.sequence, raw: content, content }).map(({ raw }) => readCertificate(raw));
}

/** The PEM text of certificates, in order. */
export function formatCertificates(certificates: readonly Uint8Array[]): string {
	return certificates.map((der) => formatPem("CERTIFICATE", der)).join("");
}

/** DER of a distinguished name; an empty one is an empty sequence. */
export function encodeName(name: DistinguishedName): Buffer {
	const attribute = (type: string, value: string, tag: number = derTag.utf8String): Buffer =>
		encodeDer(derTag.set, encodeSequence(encodeOid(type), encodeDer(tag, Buffer.from(value, "utf8"))));
	return encodeSequence(
		...(name.organization === undefined ? [] : [attribute(oid.organizationName, name.organization)]),
		...(name.commonName === undefined ? [] : [attribute(oid.commonName, name.commonName)]),
		// RFC 5280 appendix A.1: it can be nothing else.
		...(name.serialNumber === undefined
			? []
			: [attribute(oid.serialNumber, name.serialNumber, derTag.printableString)]),
	);
}

/** DER of the subject of a certificate, to be the issuer's name of the next. */
export function subjectOf(certificate: Certificate): Buffer {
	return expectTag(toBeSignedOf(certificate.der)[5], derTag.sequence).raw;
}

/** The key identifier of a public key: the first 160 bits of the SHA-256 of its bits (RFC 7093 section 2, method 1). */
export function keyIdentifierOf(publicKey: Uint8Array): Buffer {
	const bits = expectTag(decodeChildren(decodeDer(publicKey, derTag.sequence))[1], derTag.bitString).content.subarray(
		1,
	);
	return createHash("sha256").update(bits).digest().subarray(0, 20);
}

/** DER of the SubjectPublicKeyInfo of a public or private key. */
export function encodePublicKey(key: KeyObject): Buffer {
	const publicKey = key.type === "private" ? createPublicKey(key) : key;
	return publicKey.export({ type: "spki", format: "der" });
}

/** How a key signs certificates and requests: node's name of the hash, and DER of the AlgorithmIdentifier. */
export function signatureAlgorithmOf(key: KeyObject): { readonly hash: string; readonly der: Buffer } {
	if (key.asymmetricKeyType === "rsa") return rsaWithSha256;
	return key.asymmetricKeyDetails?.namedCurve === "secp384r1" ? ecdsaWithSha384 : ecdsaWithSha256;
}

const version3 = encodeContext(0, encodeUnsigned(Buffer.of(2)));
const ecdsaWithSha256 = { hash: "sha256", der: encodeSequence(encodeOid(oid.ecdsaWithSha256)) };
const ecdsaWithSha384 = { hash: "sha384", der: encodeSequence(encodeOid(oid.ecdsaWithSha384)) };
const rsaWithSha256 = { hash: "sha256", der: encodeSequence(encodeOid(oid.rsaWithSha256), Buffer.of(0x05, 0x00)) };
const noExtensions: ExtensionValues = { isCa: false, names: [], unknownCritical: [] };

/** The fields of the signed part; a version 1 certificate (no leading `[0]`) gets a placeholder so that positions hold. */
function toBeSignedOf(der: Buffer): DerElement[] {
	const outer = decodeChildren(decodeDer(der, derTag.sequence));
	const fields = decodeChildren(expectTag(outer[0], derTag.sequence));
	return fields[0]?.tag === 0xa0 ? fields : [decodeDer(version3), ...fields];
}
