/** One element of an encoding that OpenSSL has read before: it is sound (X.690, DER). */
export interface Element {
	readonly tag: number;
	readonly content: Buffer;
	/** With its tag and length. */
	readonly whole: Buffer;
}

/** The content of the element that the bytes are. */
export function contentOf(bytes: Buffer): Buffer {
	return read(bytes, 0).element.content;
}

/** The elements that stand one after another. */
export function children(bytes: Buffer): Element[] {
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
	const end = start + length;
	return {
		element: {
			tag: bytes[offset] ?? 0,
			content: bytes.subarray(start, end),
			whole: bytes.subarray(offset, end),
		},
		end,
	};
}
