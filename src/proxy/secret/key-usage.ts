import type { X509Certificate } from "node:crypto";

/** The key usages of a leaf that matter to peers (RFC 5280 section 4.2.1.3). */
export interface KeyUsage {
	readonly digitalSignature: boolean;
	/** Signs certificates or revocation lists. */
	readonly signsCertificates: boolean;
}

const keyUsageId = Buffer.from("0603551d0f", "hex");
const tag = { extensions: 0xa3, octets: 0x04 };

/** Reads the key usages, which Node does not tell; undefined when the certificate does not limit them. OpenSSL has read the certificate
 *  before, so its encoding is sound. */
export function readKeyUsage({ raw }: X509Certificate): KeyUsage | undefined {
	const [body] = children(contentOf(raw));
	const extensions = children(body!.content).find((field) => field.tag === tag.extensions);
	if (extensions === undefined) return undefined;
	for (const extension of children(contentOf(extensions.content))) {
		if (!extension.content.subarray(0, keyUsageId.length).equals(keyUsageId)) continue;
		const value = children(extension.content).find((field) => field.tag === tag.octets);
		const bits = value === undefined ? undefined : contentOf(value.content)[1];
		return { digitalSignature: ((bits ?? 0) & 0x80) !== 0, signsCertificates: ((bits ?? 0) & 0x06) !== 0 };
	}
	return undefined;
}

interface Element {
	readonly tag: number;
	readonly content: Buffer;
}

function contentOf(bytes: Buffer): Buffer {
	return read(bytes, 0).element.content;
}

function children(bytes: Buffer): Element[] {
	const found: Element[] = [];
	for (let offset = 0; offset < bytes.length; ) {
		const { element, end } = read(bytes, offset);
		found.push(element);
		offset = end;
	}
	return found;
}

function read(bytes: Buffer, offset: number): { readonly element: Element; readonly end: number } {
	const first = bytes[offset + 1] ?? 0;
	const size = first < 0x80 ? 0 : first & 0x7f;
	const length = size === 0 ? first : bytes.readUIntBE(offset + 2, size);
	const start = offset + 2 + size;
	return { element: { tag: bytes[offset] ?? 0, content: bytes.subarray(start, start + length) }, end: start + length };
}
