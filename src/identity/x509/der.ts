/** The part of DER (ITU-T X.690) that certificates and signing requests need. The reader accepts DER only: definite, shortest lengths. */

/** One decoded element; offsets are into the buffer it was read from. */
export interface DerElement {
	readonly tag: number;
	/** The whole element with its header. */
	readonly raw: Buffer;
	readonly content: Buffer;
}

/** Tags in use, as the identifier octet. */
export const derTag = {
	boolean: 0x01,
	integer: 0x02,
	bitString: 0x03,
	octetString: 0x04,
	oid: 0x06,
	utf8String: 0x0c,
	printableString: 0x13,
	sequence: 0x30,
	set: 0x31,
	utcTime: 0x17,
	generalizedTime: 0x18,
} as const;

/** Why bytes are no DER. */
export class DerError extends Error {}

/** Encodes one element from its contents. */
export function encodeDer(tag: number, ...contents: readonly Uint8Array[]): Buffer {
	const length = contents.reduce((sum, part) => sum + part.length, 0);
	return Buffer.concat([encodeHeader(tag, length), ...contents]);
}

/** SEQUENCE of already encoded elements. */
export function encodeSequence(...elements: readonly Uint8Array[]): Buffer {
	return encodeDer(derTag.sequence, ...elements);
}

/** A context-specific, constructed element: `[number] EXPLICIT`, or IMPLICIT over a constructed one. */
export function encodeContext(number: number, ...elements: readonly Uint8Array[]): Buffer {
	return encodeDer(0xa0 | number, ...elements);
}

/** INTEGER from unsigned big-endian bytes. */
export function encodeUnsigned(bytes: Uint8Array): Buffer {
	let start = 0;
	while (start < bytes.length - 1 && bytes[start] === 0) start++;
	const trimmed = bytes.subarray(start);
	return (trimmed[0] ?? 0) >= 0x80
		? encodeDer(derTag.integer, Buffer.of(0), trimmed)
		: encodeDer(derTag.integer, trimmed.length === 0 ? Buffer.of(0) : trimmed);
}

/** OBJECT IDENTIFIER from its dotted form. */
export function encodeOid(dotted: string): Buffer {
	const arcs = dotted.split(".").map(Number);
	const bytes: number[] = [];
	for (const arc of [arcs[0]! * 40 + arcs[1]!, ...arcs.slice(2)]) {
		const digits = [arc % 128];
		for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift((rest % 128) | 0x80);
		bytes.push(...digits);
	}
	return encodeDer(derTag.oid, Buffer.from(bytes));
}

/** BIT STRING; `unusedBits` counts the padding of the last byte. */
export function encodeBitString(bytes: Uint8Array, unusedBits = 0): Buffer {
	return encodeDer(derTag.bitString, Buffer.of(unusedBits), bytes);
}

/** A time as RFC 5280 section 4.1.2.5 wants it: UTCTime until 2049, GeneralizedTime afterwards, whole seconds. */
export function encodeTime(epochMs: number): Buffer {
	const digits = new Date(epochMs).toISOString().replace(/[-:T]|\.\d+/g, "");
	return new Date(epochMs).getUTCFullYear() < 2050
		? encodeDer(derTag.utcTime, Buffer.from(digits.slice(2), "ascii"))
		: encodeDer(derTag.generalizedTime, Buffer.from(digits, "ascii"));
}

/** Reads exactly one element that fills `bytes`.
 *  @throws DerError */
export function decodeDer(bytes: Uint8Array, expectedTag?: number): DerElement {
	const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const element = readElement(buffer, 0);
	if (element.raw.length !== buffer.length) throw new DerError("bytes after the end");
	if (expectedTag !== undefined) expectTag(element, expectedTag);
	return element;
}

/** The elements inside a constructed element.
 *  @throws DerError */
export function decodeChildren(element: DerElement): DerElement[] {
	const children: DerElement[] = [];
	for (let offset = 0; offset < element.content.length; ) {
		const child = readElement(element.content, offset);
		children.push(child);
		offset += child.raw.length;
	}
	return children;
}

/** The element, when its tag is the expected one.
 *  @throws DerError */
export function expectTag(element: DerElement | undefined, tag: number): DerElement {
	if (element === undefined) throw new DerError(`missing element, expected tag 0x${tag.toString(16)}`);
	if (element.tag !== tag) {
		throw new DerError(`tag 0x${element.tag.toString(16)} where 0x${tag.toString(16)} is expected`);
	}
	return element;
}

/** The dotted form of an OBJECT IDENTIFIER.
 *  @throws DerError */
export function decodeOid(element: DerElement | undefined): string {
	const bytes = expectTag(element, derTag.oid).content;
	if (bytes.length === 0 || bytes.length > 64 || bytes[bytes.length - 1]! >= 0x80) throw new DerError("damaged OID");
	const arcs: number[] = [];
	let arc = 0;
	for (const [position, byte] of bytes.entries()) {
		const isFirst = position === 0 || bytes[position - 1]! < 0x80;
		if (isFirst && byte === 0x80) throw new DerError("OID not in its shortest form");
		arc = arc * 128 + (byte & 0x7f);
		if (byte < 0x80) {
			arcs.push(arc);
			arc = 0;
		}
	}
	const first = Math.min(2, Math.floor(arcs[0]! / 40));
	return [first, arcs[0]! - first * 40, ...arcs.slice(1)].join(".");
}

/** The value of a BOOLEAN.
 *  @throws DerError */
export function decodeBoolean(element: DerElement): boolean {
	const { content } = expectTag(element, derTag.boolean);
	if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff)) throw new DerError("damaged BOOLEAN");
	return content[0] !== 0;
}

/** A small non-negative INTEGER.
 *  @throws DerError */
export function decodeSmallInteger(element: DerElement): number {
	const { content } = expectTag(element, derTag.integer);
	if (content.length === 0 || content.length > 4 || content[0]! >= 0x80) throw new DerError("INTEGER out of range");
	return content.readUIntBE(0, content.length);
}

/** The bytes of a BIT STRING, the last of them filled up with zeros.
 *  @throws DerError */
export function decodeBitString(element: DerElement | undefined): Buffer {
	const { content } = expectTag(element, derTag.bitString);
	const unused = content[0] ?? 8;
	if (unused > 7 || (unused > 0 && content.length === 1)) throw new DerError("damaged BIT STRING");
	if ((content.at(-1)! & ((1 << unused) - 1)) !== 0 && content.length > 1)
		throw new DerError("BIT STRING with bits after its end");
	return content.subarray(1);
}

/** The bytes of a BIT STRING that is a whole number of bytes.
 *  @throws DerError */
export function decodeOctets(element: DerElement | undefined): Buffer {
	const bytes = decodeBitString(element);
	if (element!.content[0] !== 0) throw new DerError("BIT STRING of a part of a byte");
	return bytes;
}

function encodeHeader(tag: number, length: number): Buffer {
	if (length < 0x80) return Buffer.of(tag, length);
	if (length < 0x100) return Buffer.of(tag, 0x81, length);
	if (length < 0x10000) return Buffer.of(tag, 0x82, length >> 8, length & 0xff);
	return Buffer.of(tag, 0x83, length >> 16, (length >> 8) & 0xff, length & 0xff);
}

function readElement(buffer: Buffer, offset: number): DerElement {
	const tag = buffer[offset];
	const first = buffer[offset + 1];
	if (tag === undefined || first === undefined) throw new DerError("cut short");
	if ((tag & 0x1f) === 0x1f) throw new DerError("tag of several bytes");
	let length = first;
	let start = offset + 2;
	if (first >= 0x80) {
		const size = first & 0x7f;
		if (size === 0 || size > 3) throw new DerError("indefinite or huge length");
		if (start + size > buffer.length) throw new DerError("cut short");
		length = buffer.readUIntBE(start, size);
		start += size;
		if (length < 0x80 || length < 2 ** (8 * (size - 1))) throw new DerError("length not in its shortest form");
	}
	if (start + length > buffer.length) throw new DerError("cut short");
	return {
		tag,
		raw: buffer.subarray(offset, start + length),
		content: buffer.subarray(start, start + length),
	};
}
