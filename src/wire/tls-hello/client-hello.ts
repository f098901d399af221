/** What the first bytes of a connection say. */
export type FirstBytes =
	/** More bytes are needed to tell. */
	| { readonly kind: "incomplete" }
	/** Not a TLS handshake. */
	| { readonly kind: "plain" }
	/** A handshake that is broken or larger than a ClientHello may be. */
	| { readonly kind: "malformed" }
	| {
			readonly kind: "client-hello";
			readonly serverName: string;
			readonly applicationProtocols: readonly string[];
			readonly shape: HelloShape;
	  };

/** What of a ClientHello tells which software sent it. */
export interface HelloShape {
	/** `legacy_version`: 0x0303 from version 1.2 on. */
	readonly version: number;
	/** Two bytes each. */
	readonly cipherSuites: Buffer;
	readonly extensions: readonly { readonly type: number; readonly content: Buffer }[];
}

/** A ClientHello beyond this is taken for an attack, as Envoy does by default (`max_client_hello_size`). */
export const maxClientHelloBytes = 16 * 1024;

const incomplete: FirstBytes = { kind: "incomplete" };
const plain: FirstBytes = { kind: "plain" };
const malformed: FirstBytes = { kind: "malformed" };
const recordHeaderBytes = 5;
const handshakeRecord = 22;
const clientHelloMessage = 1;
const serverNameExtension = 0;
const alpnExtension = 16;

/** Reads the ClientHello at the start of `bytes`, which may be spread over several records (RFC 8446, sections 4.1.2 and 5.1),
 *  for its server name (RFC 6066, section 3) and application protocols (RFC 7301). */
export function parseFirstBytes(bytes: Buffer): FirstBytes {
	if (bytes.length === 0) return incomplete;
	if (bytes[0] !== handshakeRecord) return plain;
	if (bytes.length > 1 && bytes[1] !== 3) return plain;
	const fragments: Buffer[] = [];
	let collected = 0;
	for (let offset = 0; ; ) {
		if (bytes.length < offset + recordHeaderBytes) return incomplete;
		if (bytes[offset] !== handshakeRecord || bytes[offset + 1] !== 3) return malformed;
		const length = bytes.readUInt16BE(offset + 3);
		if (length === 0 || collected + length > maxClientHelloBytes) return malformed;
		const end = offset + recordHeaderBytes + length;
		fragments.push(bytes.subarray(offset + recordHeaderBytes, Math.min(end, bytes.length)));
		collected += length;
		const message = fragments.length === 1 ? fragments[0]! : Buffer.concat(fragments);
		if (message.length >= 1 && message[0] !== clientHelloMessage) return malformed;
		if (message.length >= 4) {
			const messageLength = message.readUIntBE(1, 3);
			if (messageLength > maxClientHelloBytes) return malformed;
			if (message.length >= 4 + messageLength) return parseClientHello(message.subarray(4, 4 + messageLength));
		}
		if (bytes.length < end) return incomplete;
		offset = end;
	}
}

/** A cursor that turns reads past the end into `failed`. */
class Reader {
	readonly #bytes: Buffer;
	#offset = 0;
	failed = false;

	constructor(bytes: Buffer) {
		this.#bytes = bytes;
	}

	get remaining(): number {
		return this.#bytes.length - this.#offset;
	}

	take(count: number): Buffer {
		if (count > this.remaining) {
			this.failed = true;
			return Buffer.alloc(0);
		}
		this.#offset += count;
		return this.#bytes.subarray(this.#offset - count, this.#offset);
	}

	/** A vector with its length in `lengthBytes` bytes before it. */
	vector(lengthBytes: number): Buffer {
		const length = this.take(lengthBytes);
		return this.failed ? length : this.take(length.readUIntBE(0, lengthBytes));
	}

	uint16(): number {
		const bytes = this.take(2);
		return this.failed ? 0 : bytes.readUInt16BE(0);
	}
}

function parseClientHello(body: Buffer): FirstBytes {
	const reader = new Reader(body);
	const version = reader.uint16();
	reader.take(32);
	reader.vector(1);
	const cipherSuites = reader.vector(2);
	reader.vector(1);
	if (reader.failed) return malformed;
	const found: { type: number; content: Buffer }[] = [];
	let serverName = "";
	let applicationProtocols: readonly string[] = [];
	if (reader.remaining > 0) {
		const extensions = new Reader(reader.vector(2));
		while (extensions.remaining > 0 && !extensions.failed) {
			const type = extensions.uint16();
			const bytes = extensions.vector(2);
			found.push({ type, content: bytes });
			const content = new Reader(bytes);
			if (type === serverNameExtension) serverName = readServerName(content);
			else if (type === alpnExtension) applicationProtocols = readProtocols(content);
			if (content.failed) return malformed;
		}
		if (extensions.failed || reader.failed) return malformed;
	}
	const shape: HelloShape = { version, cipherSuites, extensions: found };
	return { kind: "client-hello", serverName, applicationProtocols, shape };
}

function readServerName(content: Reader): string {
	const list = new Reader(content.vector(2));
	while (list.remaining > 0 && !list.failed) {
		const type = list.take(1)[0];
		const name = list.vector(2);
		if (list.failed) break;
		// Logs and headers show it: what no name has becomes "_".
		if (type === 0)
			return name
				.toString("latin1")
				.replace(/[^\x21-\x7e]/g, "_")
				.toLowerCase();
	}
	content.failed ||= list.failed;
	return "";
}

function readProtocols(content: Reader): readonly string[] {
	const list = new Reader(content.vector(2));
	const protocols: string[] = [];
	while (list.remaining > 0 && !list.failed) protocols.push(list.vector(1).toString("latin1"));
	content.failed ||= list.failed;
	return protocols;
}
