import { Reader } from "../wire/tls-hello/index.ts";

/** Types of handshake messages (RFC 8446, section 4). */
export const messageType = {
	serverHello: 2,
	newSessionTicket: 4,
	encryptedExtensions: 8,
	certificate: 11,
	certificateRequest: 13,
	certificateVerify: 15,
	finished: 20,
	keyUpdate: 24,
} as const;

/** A handshake message's header. */
export const messageHeaderBytes = 4;

const extension = {
	signatureAlgorithms: 13,
	alpn: 16,
	preSharedKey: 41,
	supportedVersions: 43,
	authorities: 47,
	keyShare: 51,
};
const x25519 = 29;

function vector(lengthBytes: number, ...parts: readonly Uint8Array[]): Buffer {
	const length = parts.reduce((sum, part) => sum + part.length, 0);
	const head = Buffer.allocUnsafe(lengthBytes);
	head.writeUIntBE(length, 0, lengthBytes);
	return Buffer.concat([head, ...parts], lengthBytes + length);
}

function uint16(...values: readonly number[]): Buffer {
	const bytes = Buffer.allocUnsafe(2 * values.length);
	values.forEach((value, index) => {
		bytes.writeUInt16BE(value, 2 * index);
	});
	return bytes;
}

/** A message with its header. */
export function encodeMessage(type: number, ...parts: readonly Uint8Array[]): Buffer {
	return Buffer.concat([Buffer.of(type), vector(3, ...parts)]);
}

/** RFC 8446, section 4.1.3.
 *  @param session which of the offered sessions is resumed, if any */
export function encodeServerHello(
	random: Buffer,
	sessionId: Buffer,
	suite: number,
	publicKey: Buffer,
	session: number | undefined,
): Buffer {
	return encodeMessage(
		messageType.serverHello,
		uint16(0x0303),
		random,
		vector(1, sessionId),
		uint16(suite),
		Buffer.of(0),
		vector(
			2,
			uint16(extension.supportedVersions, 2, 0x0304),
			uint16(extension.keyShare, 4 + publicKey.length, x25519, publicKey.length),
			publicKey,
			session === undefined ? Buffer.alloc(0) : uint16(extension.preSharedKey, 2, session),
		),
	);
}

/** RFC 8446, section 4.3.1. */
export function encodeExtensions(protocol: string | undefined): Buffer {
	const list =
		protocol === undefined
			? Buffer.alloc(0)
			: Buffer.concat([uint16(extension.alpn), vector(2, vector(2, vector(1, Buffer.from(protocol, "latin1"))))]);
	return encodeMessage(messageType.encryptedExtensions, vector(2, list));
}

/** RFC 8446, section 4.3.2.
 *  @param authorities distinguished names in DER */
export function encodeCertificateRequest(schemes: readonly number[], authorities: readonly Buffer[]): Buffer {
	const names =
		authorities.length === 0
			? Buffer.alloc(0)
			: Buffer.concat([
					uint16(extension.authorities),
					vector(2, vector(2, ...authorities.map((name) => vector(2, name)))),
				]);
	return encodeMessage(
		messageType.certificateRequest,
		vector(1),
		vector(2, uint16(extension.signatureAlgorithms), vector(2, vector(2, uint16(...schemes))), names),
	);
}

/** RFC 8446, section 4.4.2.
 *  @param chain in DER, leaf first */
export function encodeCertificate(chain: readonly Buffer[]): Buffer {
	const entries = chain.map((certificate) => Buffer.concat([vector(3, certificate), uint16(0)]));
	return encodeMessage(messageType.certificate, vector(1), vector(3, ...entries));
}

/** RFC 8446, section 4.4.3. */
export function encodeCertificateVerify(scheme: number, signature: Buffer): Buffer {
	return encodeMessage(messageType.certificateVerify, uint16(scheme), vector(2, signature));
}

/** RFC 8446, section 4.6.1. `age` hides the ticket's age from onlookers. */
export function encodeNewSessionTicket(lifetimeSeconds: number, age: number, nonce: Buffer, ticket: Buffer): Buffer {
	const head = Buffer.allocUnsafe(8);
	head.writeUInt32BE(lifetimeSeconds, 0);
	head.writeUInt32BE(age, 4);
	return encodeMessage(messageType.newSessionTicket, head, vector(1, nonce), vector(2, ticket), vector(2));
}

/** The chain of a client's Certificate message, in DER and leaf first; undefined when it is broken. */
export function readCertificate(body: Buffer): readonly Buffer[] | undefined {
	const reader = new Reader(body);
	const context = reader.vector(1);
	const list = new Reader(reader.vector(3));
	if (reader.failed || reader.remaining > 0 || context.length > 0) return undefined;
	const chain: Buffer[] = [];
	while (list.remaining > 0 && !list.failed) {
		chain.push(list.vector(3));
		list.vector(2);
	}
	return list.failed || chain.some(({ length }) => length === 0) ? undefined : chain;
}

/** A client's signature; undefined when the message is broken. */
export function readCertificateVerify(
	body: Buffer,
): { readonly scheme: number; readonly signature: Buffer } | undefined {
	const reader = new Reader(body);
	const scheme = reader.uint16();
	const signature = reader.vector(2);
	return reader.failed || reader.remaining > 0 ? undefined : { scheme, signature };
}
