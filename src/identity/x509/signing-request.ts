import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { MeshError } from "../../core/index.ts";
import { encodeName, encodePublicKey, type SigningKey, signatureAlgorithmOf } from "./certificate.ts";
import {
	type DerElement,
	DerError,
	decodeChildren,
	decodeDer,
	decodeOctets,
	decodeOid,
	derTag,
	encodeBitString,
	encodeContext,
	encodeDer,
	encodeOid,
	encodeSequence,
	encodeUnsigned,
	expectTag,
} from "./der.ts";
import { decodeExtensions, type ExtensionOptions, type ExtensionValues, encodeExtensions } from "./extensions.ts";
import { oid } from "./oids.ts";
import { formatPem, parsePem } from "./pem.ts";
import { isPlainKey } from "./plain-key.ts";

/** A PKCS #10 request (RFC 2986) whose self-signature held. */
export interface SigningRequest {
	/** DER of the SubjectPublicKeyInfo. */
	readonly publicKey: Buffer;
	readonly key: KeyObject;
	/** What the requester wants in the certificate. */
	readonly extensions: ExtensionValues;
}

const maxRequestBytes = 16_384;

const hashes: Readonly<Record<string, string>> = {
	[oid.ecdsaWithSha256]: "sha256",
	[oid.ecdsaWithSha384]: "sha384",
	[oid.ecdsaWithSha512]: "sha512",
	[oid.rsaWithSha256]: "sha256",
	[oid.rsaWithSha384]: "sha384",
	[oid.rsaWithSha512]: "sha512",
};

/** Makes a request for the key and returns its DER. The subject is empty. */
export function createSigningRequest(privateKey: KeyObject, extensions: ExtensionOptions): Buffer {
	const algorithm = signatureAlgorithmOf(privateKey);
	const info = encodeInfo(privateKey, encodeName({}), extensions);
	return encodeSequence(info, algorithm.der, encodeBitString(sign(algorithm.hash, info, privateKey)));
}

/** The same for a key that may be elsewhere, with a subject.
 *  @param subject DER of the name */
export async function requestCertificate(
	key: SigningKey,
	subject: Uint8Array,
	extensions: ExtensionOptions,
): Promise<Buffer> {
	const info = encodeInfo(key.publicKey, subject, extensions);
	const signature = await key.sign(info);
	return encodeSequence(info, signatureAlgorithmOf(key.publicKey).der, encodeBitString(signature));
}

function encodeInfo(key: KeyObject, subject: Uint8Array, extensions: ExtensionOptions): Buffer {
	const wanted = encodeSequence(encodeOid(oid.extensionRequest), encodeDer(derTag.set, encodeExtensions(extensions)));
	return encodeSequence(encodeUnsigned(Buffer.of(0)), subject, encodePublicKey(key), encodeContext(0, wanted));
}

/** Reads a request and checks that its sender holds the private key.
 *  @throws MeshError `CSR_INVALID` */
export function readSigningRequest(der: Uint8Array): SigningRequest {
	if (der.length > maxRequestBytes) throw invalid(`longer than ${maxRequestBytes} bytes`);
	try {
		return decodeSigningRequest(der);
	} catch (error) {
		if (error instanceof MeshError) throw error;
		throw invalid(error instanceof DerError ? `damaged: ${error.message}` : "damaged", error);
	}
}

/** PEM text of a request. */
export function formatSigningRequest(der: Uint8Array): string {
	return formatPem("CERTIFICATE REQUEST", der);
}

/** DER of the one request in a PEM text.
 *  @throws MeshError `CSR_INVALID` */
export function parseSigningRequest(pem: string): Buffer {
	if (pem.length > 2 * maxRequestBytes) throw invalid(`longer than ${maxRequestBytes} bytes`);
	const blocks = [...parsePem("CERTIFICATE REQUEST", pem), ...parsePem("NEW CERTIFICATE REQUEST", pem)];
	const [der] = blocks;
	if (der === undefined || blocks.length !== 1)
		throw invalid(`PEM text with one 'CERTIFICATE REQUEST' block expected, found ${blocks.length}`);
	// Node passes over letters that are none of base64, and over what follows the first '='.
	if (!pem.replace(/\s+/g, "").includes(`REQUEST-----${der.toString("base64")}-----END`))
		throw invalid("damaged: its PEM text is not base64");
	return der;
}

function decodeSigningRequest(der: Uint8Array): SigningRequest {
	const [info, algorithm, signature, ...rest] = decodeChildren(decodeDer(der, derTag.sequence));
	if (rest.length > 0) throw invalid("damaged: too many fields");
	const [version, subject, publicKey, attributes] = decodeChildren(expectTag(info, derTag.sequence));
	if (!expectTag(version, derTag.integer).content.equals(Buffer.of(0))) throw invalid("unknown version");
	checkSubject(expectTag(subject, derTag.sequence));
	const spki = expectTag(publicKey, derTag.sequence).raw;
	const key = createPublicKey({ key: spki, format: "der", type: "spki" });
	checkKey(key);
	// The certificate gets these bytes, and OpenSSL reads more than DER.
	if (!encodePublicKey(key).equals(spki)) throw invalid("its key is not written as DER has it");
	const hash = hashes[decodeOid(decodeChildren(expectTag(algorithm, derTag.sequence))[0])];
	if (hash === undefined) throw invalid("unsupported signature algorithm, use ECDSA or RSA with SHA-256");
	if (!verify(hash, info!.raw, key, decodeOctets(signature))) throw invalid("its self-signature does not hold");
	return { publicKey: Buffer.from(spki), key, extensions: decodeWanted(attributes) };
}

/** Says nothing here, and is a name all the same: sets of types and values. */
function checkSubject(subject: DerElement): void {
	for (const part of decodeChildren(subject))
		for (const attribute of decodeChildren(expectTag(part, derTag.set)))
			decodeOid(decodeChildren(expectTag(attribute, derTag.sequence))[0]);
}

function decodeWanted(attributes: DerElement | undefined): ExtensionValues {
	const wanted: DerElement[] = [];
	for (const attribute of decodeChildren(expectTag(attributes, 0xa0))) {
		const [type, values] = decodeChildren(expectTag(attribute, derTag.sequence));
		if (decodeOid(type) === oid.extensionRequest) wanted.push(...decodeChildren(expectTag(values, derTag.set)));
	}
	if (wanted.length > 1) throw invalid("asks for extensions twice");
	return wanted[0] === undefined ? { isCa: false, names: [], unknownCritical: [] } : decodeExtensions(wanted[0]);
}

function checkKey(key: KeyObject): void {
	const details = key.asymmetricKeyDetails;
	if (key.asymmetricKeyType === "ec") {
		if (details?.namedCurve !== "prime256v1" && details?.namedCurve !== "secp384r1")
			throw invalid(`curve ${details?.namedCurve ?? "unknown"}, use P-256 or P-384`);
		if (isPlainKey(key)) return;
		throw invalid("its key has a compressed point or writes its curve out: many peers could not read the certificate");
	}
	if (key.asymmetricKeyType !== "rsa") throw invalid(`key type ${key.asymmetricKeyType ?? "unknown"}, use ECDSA P-256`);
	const bits = details?.modulusLength ?? 0;
	if (bits < 2048 || bits > 8192)
		throw invalid(`RSA key of ${bits} bits, use ECDSA P-256 or RSA with 2048 to 8192 bits`);
	if (!isPlainKey(key)) throw invalid("RSA key with an exponent by which others can sign, use 65537");
}

function invalid(fault: string, cause?: unknown): MeshError {
	return new MeshError("CSR_INVALID", `certificate signing request: ${fault}`, cause === undefined ? {} : { cause });
}
