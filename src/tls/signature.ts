import { constants, type KeyObject, sign, verify } from "node:crypto";

interface Scheme {
	readonly hash: "sha256" | "sha384" | "sha512" | undefined;
	/** Node's type of the key, and its curve. */
	readonly keyType: "ec" | "rsa" | "rsa-pss" | "ed25519";
	readonly curve?: string;
}

/** Signature schemes for handshakes by their numbers (RFC 8446, section 4.2.3), in the order in which clients are asked for them. */
const schemes: ReadonlyMap<number, Scheme> = new Map<number, Scheme>([
	[0x0403, { hash: "sha256", keyType: "ec", curve: "prime256v1" }],
	[0x0503, { hash: "sha384", keyType: "ec", curve: "secp384r1" }],
	[0x0603, { hash: "sha512", keyType: "ec", curve: "secp521r1" }],
	[0x0807, { hash: undefined, keyType: "ed25519" }],
	[0x0809, { hash: "sha256", keyType: "rsa-pss" }],
	[0x080a, { hash: "sha384", keyType: "rsa-pss" }],
	[0x080b, { hash: "sha512", keyType: "rsa-pss" }],
	[0x0804, { hash: "sha256", keyType: "rsa" }],
	[0x0805, { hash: "sha384", keyType: "rsa" }],
	[0x0806, { hash: "sha512", keyType: "rsa" }],
]);

/** What a client may sign its handshake with. */
export const acceptedSchemes: readonly number[] = [...schemes.keys()];
/** What the certificates of its chain may be signed with beside them: RSA as of old. */
export const chainSchemes: readonly number[] = [...acceptedSchemes, 0x0401, 0x0501, 0x0601];

const ecdsaP256 = 0x0403;
const rsaPssSha256 = 0x0804;

/** What our key signs with; undefined for keys of other kinds than ECDSA on P-256 and RSA. */
export function schemeOf(key: KeyObject): number | undefined {
	const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
	if (type === "ec" && details?.namedCurve === "prime256v1") return ecdsaP256;
	return type === "rsa" && (details?.modulusLength ?? 0) >= 2048 ? rsaPssSha256 : undefined;
}

const roles = {
	server: Buffer.from(`${" ".repeat(64)}TLS 1.3, server CertificateVerify\0`, "latin1"),
	client: Buffer.from(`${" ".repeat(64)}TLS 1.3, client CertificateVerify\0`, "latin1"),
};

const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };

/** Our signature of a handshake (RFC 8446, section 4.4.3). */
export function signTranscript(scheme: number, key: KeyObject, transcript: Buffer): Buffer {
	const content = Buffer.concat([roles.server, transcript]);
	return sign("sha256", content, scheme === rsaPssSha256 ? { key, ...pss } : key);
}

/** Whether a client's signature is one of its key, by a scheme that goes with that key. */
export function verifyTranscript(
	scheme: number,
	{ key, curve }: { readonly key: KeyObject; readonly curve: string | undefined },
	transcript: Buffer,
	signature: Buffer,
): boolean {
	const known = schemes.get(scheme);
	if (known === undefined || key.asymmetricKeyType !== known.keyType) return false;
	if (known.curve !== undefined && curve !== known.curve) return false;
	const isPss = known.keyType === "rsa" || known.keyType === "rsa-pss";
	const content = Buffer.concat([roles.client, transcript]);
	try {
		return verify(known.hash ?? null, content, isPss ? { key, ...pss } : key, signature);
	} catch {
		// A key that cannot do what its certificate says, such as one of RSA-PSS with other parameters.
		return false;
	}
}
