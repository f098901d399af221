import { Reader } from "./reader.ts";

/** What a TLS 1.3 client offers (RFC 8446, section 4.1.2). Numbers are those of the registries. */
export interface ClientOffer {
	/** The handshake message with its header. */
	readonly message: Buffer;
	/** To be repeated in the answer. */
	readonly sessionId: Buffer;
	readonly cipherSuites: readonly number[];
	/** As it was sent; "" without one. */
	readonly serverName: string;
	/** Application protocols, in the client's order. */
	readonly protocols: readonly string[];
	readonly signatureSchemes: readonly number[];
	/** The client's public X25519 key. */
	readonly x25519Key: Buffer;
	/** Sessions that may be resumed with a new key exchange. */
	readonly sessions: readonly OfferedSession[];
	/** Bytes of `message` that the binders of the sessions are about. */
	readonly boundBytes: number;
}

/** A session that the client would resume (RFC 8446, section 4.2.11). */
export interface OfferedSession {
	readonly ticket: Buffer;
	readonly binder: Buffer;
}

const recordHeaderBytes = 5;
const messageHeaderBytes = 4;
const tls13 = 0x0304;
const x25519 = 29;
const keyBytes = 32;
const maxBinderBytes = 255;
const plainName = /^[A-Za-z0-9._-]+$/;

const extension = {
	serverName: 0,
	signatureAlgorithms: 13,
	alpn: 16,
	preSharedKey: 41,
	earlyData: 42,
	supportedVersions: 43,
	cookie: 44,
	pskModes: 45,
	keyShare: 51,
} as const;

const resumesWithKeyExchange = 1;

/** Reads the one record that is all of `bytes` as a ClientHello that wants TLS 1.3 and brings a key for X25519. Undefined for everything
 *  else, be it broken, unusual or only older: nothing is judged here. */
export function readClientOffer(bytes: Buffer): ClientOffer | undefined {
	if (bytes.length < recordHeaderBytes + messageHeaderBytes || bytes[0] !== 22 || bytes[1] !== 3) return undefined;
	const message = bytes.subarray(recordHeaderBytes);
	if (bytes.readUInt16BE(3) !== message.length || message[0] !== 1) return undefined;
	if (message.readUIntBE(1, 3) !== message.length - messageHeaderBytes) return undefined;
	const reader = new Reader(message.subarray(messageHeaderBytes));
	const version = reader.uint16();
	reader.take(32);
	const sessionId = reader.vector(1);
	const cipherSuites = readNumbers(reader.vector(2));
	const compressions = reader.vector(1);
	const extensions = readExtensions(reader.vector(2));
	if (reader.failed || reader.remaining > 0 || version !== 0x0303 || sessionId.length > 32) return undefined;
	if (extensions === undefined || compressions.length !== 1 || compressions[0] !== 0) return undefined;
	return readOffer(message, sessionId, cipherSuites, extensions);
}

function readOffer(
	message: Buffer,
	sessionId: Buffer,
	cipherSuites: readonly number[],
	extensions: ReadonlyMap<number, Buffer>,
): ClientOffer | undefined {
	if (extensions.has(extension.earlyData) || extensions.has(extension.cookie)) return undefined;
	const versions = readList(extensions.get(extension.supportedVersions), 1);
	if (versions === undefined || !readNumbers(versions).includes(tls13)) return undefined;
	const schemes = readList(extensions.get(extension.signatureAlgorithms), 2);
	const x25519Key = readShare(readList(extensions.get(extension.keyShare), 2));
	const serverName = readName(extensions.get(extension.serverName));
	const protocols = readProtocols(extensions.get(extension.alpn));
	if (schemes === undefined || x25519Key === undefined || serverName === undefined || protocols === undefined)
		return undefined;
	const preSharedKey = extensions.get(extension.preSharedKey);
	const sessions = preSharedKey === undefined ? [] : readSessions(preSharedKey);
	if (sessions === undefined) return undefined;
	const modes = readList(extensions.get(extension.pskModes), 1);
	if (preSharedKey !== undefined && (modes === undefined || [...extensions.keys()].at(-1) !== extension.preSharedKey))
		return undefined;
	const binderBytes = sessions.reduce((sum, { binder }) => sum + 1 + binder.length, 2);
	return {
		message,
		sessionId,
		cipherSuites,
		serverName,
		protocols,
		signatureSchemes: readNumbers(schemes),
		x25519Key,
		sessions: modes?.includes(resumesWithKeyExchange) === true ? sessions : [],
		boundBytes: preSharedKey === undefined ? message.length : message.length - binderBytes,
	};
}

/** By type, in their order; undefined when one comes twice. */
function readExtensions(bytes: Buffer): ReadonlyMap<number, Buffer> | undefined {
	const reader = new Reader(bytes);
	const found = new Map<number, Buffer>();
	while (reader.remaining > 0 && !reader.failed) {
		const type = reader.uint16();
		const content = reader.vector(2);
		if (reader.failed || found.has(type)) return undefined;
		found.set(type, content);
	}
	return found;
}

/** A vector that fills the extension. */
function readList(content: Buffer | undefined, lengthBytes: number): Buffer | undefined {
	if (content === undefined) return undefined;
	const reader = new Reader(content);
	const list = reader.vector(lengthBytes);
	return reader.failed || reader.remaining > 0 || list.length === 0 ? undefined : list;
}

function readNumbers(list: Buffer): readonly number[] {
	const numbers: number[] = [];
	for (let at = 0; at + 1 < list.length; at += 2) numbers.push(list.readUInt16BE(at));
	return numbers;
}

function readShare(list: Buffer | undefined): Buffer | undefined {
	if (list === undefined) return undefined;
	const reader = new Reader(list);
	let found: Buffer | undefined;
	while (reader.remaining > 0 && !reader.failed) {
		const group = reader.uint16();
		const key = reader.vector(2);
		if (group !== x25519) continue;
		if (found !== undefined) return undefined;
		found = key;
	}
	return reader.failed || found?.length !== keyBytes ? undefined : found;
}

/** "" without the extension; undefined for what is no plain name. */
function readName(content: Buffer | undefined): string | undefined {
	if (content === undefined) return "";
	const list = readList(content, 2);
	if (list === undefined) return undefined;
	const reader = new Reader(list);
	const type = reader.take(1)[0];
	const name = reader.vector(2);
	if (reader.failed || reader.remaining > 0 || type !== 0 || name.length > 255) return undefined;
	const text = name.toString("latin1");
	return plainName.test(text) ? text : undefined;
}

/** Empty without the extension. */
function readProtocols(content: Buffer | undefined): readonly string[] | undefined {
	if (content === undefined) return [];
	const list = readList(content, 2);
	if (list === undefined) return undefined;
	const reader = new Reader(list);
	const protocols: string[] = [];
	while (reader.remaining > 0 && !reader.failed) {
		const protocol = reader.vector(1);
		if (protocol.length === 0) return undefined;
		protocols.push(protocol.toString("latin1"));
	}
	return reader.failed ? undefined : protocols;
}

function readSessions(content: Buffer): readonly OfferedSession[] | undefined {
	const reader = new Reader(content);
	const identities = new Reader(reader.vector(2));
	const binders = new Reader(reader.vector(2));
	if (reader.failed || reader.remaining > 0) return undefined;
	const sessions: OfferedSession[] = [];
	while (identities.remaining > 0 && !identities.failed) {
		const ticket = identities.vector(2);
		identities.take(4);
		const binder = binders.vector(1);
		if (binder.length < keyBytes || binder.length > maxBinderBytes) return undefined;
		sessions.push({ ticket, binder });
	}
	return identities.failed || binders.failed || binders.remaining > 0 || sessions.length === 0 ? undefined : sessions;
}
