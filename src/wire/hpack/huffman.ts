import { codeLengths, codes } from "./huffman-code.ts";

/** Steps of the decoder: for each inner node of the code's tree (a state) and each half octet, what follows. Bits 0-7 the next state, bit 8 whether a
 *  symbol is complete, bits 9-16 the symbol, bit 17 a code that does not exist (EOS). At most one symbol ends in four bits. */
const steps: Int32Array = new Int32Array(256 * 16);
/** Whether the text may end in a state: only ones, and fewer than eight, since the last symbol (RFC 7541 section 5.2). */
const mayEnd: Uint8Array = new Uint8Array(256);
const symbolBit = 1 << 8;
const faultBit = 1 << 17;
buildSteps();

function buildSteps(): void {
	// Two children a node: 0 is none, a positive number an inner node, a negative one ~symbol.
	const children: number[] = [0, 0];
	for (let symbol = 0; symbol <= 256; symbol++) {
		const length = codeLengths[symbol]!;
		let node = 0;
		for (let bit = length - 1; bit >= 0; bit--) {
			const slot = node * 2 + ((codes[symbol]! >>> bit) & 1);
			if (bit === 0) {
				children[slot] = ~symbol;
			} else {
				if (children[slot] === 0) {
					children[slot] = children.length / 2;
					children.push(0, 0);
				}
				node = children[slot]!;
			}
		}
	}
	for (let state = 0; state < 256; state++) {
		for (let half = 0; half < 16; half++) steps[state * 16 + half] = walk(children, state, half);
	}
	for (let node = 0, depth = 0; depth < 8; depth++) {
		mayEnd[node] = 1;
		node = children[node * 2 + 1]!;
	}
}

function walk(children: readonly number[], state: number, half: number): number {
	let node = state;
	let found = 0;
	for (let bit = 3; bit >= 0; bit--) {
		const child = children[node * 2 + ((half >>> bit) & 1)]!;
		if (child >= 0) {
			node = child;
			continue;
		}
		const symbol = ~child;
		if (symbol === 256) return faultBit;
		found = symbolBit | (symbol << 9);
		node = 0;
	}
	return node | found;
}

/** Most octets that `bytes` Huffman-coded ones decode to: the shortest code has five bits. */
export function maxDecodedBytes(bytes: number): number {
	return Math.ceil((bytes * 8) / 5);
}

/** Decodes `bytes[start, end)` into `target`, which has room for {@link maxDecodedBytes}.
 *  @returns how many octets it is, -1 when the text is no code or its padding is wrong */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, target: Uint8Array): number {
	let state = 0;
	let written = 0;
	for (let at = start; at < end; at++) {
		const octet = bytes[at]!;
		const first = steps[state * 16 + (octet >>> 4)]!;
		if ((first & symbolBit) !== 0) target[written++] = (first >>> 9) & 0xff;
		const second = steps[(first & 0xff) * 16 + (octet & 15)]!;
		if ((second & symbolBit) !== 0) target[written++] = (second >>> 9) & 0xff;
		if (((first | second) & faultBit) !== 0) return -1;
		state = second & 0xff;
	}
	return mayEnd[state] === 1 ? written : -1;
}

/** Octets of latin1 `text` in Huffman code. */
export function huffmanBytes(text: string): number {
	let bits = 0;
	for (let index = 0; index < text.length; index++) bits += codeLengths[text.charCodeAt(index) & 0xff]!;
	return (bits + 7) >>> 3;
}

/** Writes latin1 `text` in Huffman code at `at`; `target` has room for {@link huffmanBytes}.
 *  @returns the position behind it */
export function encodeHuffman(text: string, target: Uint8Array, at: number): number {
	let pending = 0;
	let bits = 0;
	for (let index = 0; index < text.length; index++) {
		const octet = text.charCodeAt(index) & 0xff;
		const length = codeLengths[octet]!;
		let code = codes[octet]!;
		let left = length;
		// At most 7 bits wait, so 24 more always fit into 31.
		if (left > 24) {
			pending = (pending << (left - 24)) | (code >>> 24);
			bits += left - 24;
			code &= 0xffffff;
			left = 24;
			while (bits >= 8) {
				bits -= 8;
				target[at++] = pending >>> bits;
				pending &= (1 << bits) - 1;
			}
		}
		pending = (pending << left) | code;
		bits += left;
		while (bits >= 8) {
			bits -= 8;
			target[at++] = pending >>> bits;
			pending &= (1 << bits) - 1;
		}
	}
	if (bits > 0) target[at++] = ((pending << (8 - bits)) | ((1 << (8 - bits)) - 1)) & 0xff;
	return at;
}
