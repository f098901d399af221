import type { HpackField } from "./dictionary.ts";

const slots = 512;
/** Texts of a literal beyond this are not kept. */
const maxTextBytes = 80;

interface CachedLiteral {
	readonly nameIndex: number;
	readonly text: Uint8Array;
	readonly field: HpackField;
}

/** Fields by the octets of the literals they came in: peers that do not use their tables send the same few again and again. A literal is kept
 *  when it comes a second time. */
export class LiteralCache {
	#literals: (CachedLiteral | undefined)[] | undefined;
	/** The hash of the last literal that fell on each slot. */
	#hashes: Int32Array | undefined;

	/** A number for the octets of name and value, `bytes[start, end)`, behind the static name `nameIndex`; 0 when it is not worth a look. */
	hash(nameIndex: number, bytes: Buffer, start: number, end: number): number {
		if (end - start > maxTextBytes) return 0;
		let hash = nameIndex + 1;
		for (let index = start; index < end; index++) hash = (Math.imul(hash, 31) + bytes[index]!) | 0;
		return (hash ^ (hash >>> 15)) | 1;
	}

	find(hash: number, nameIndex: number, bytes: Buffer, start: number, end: number): HpackField | undefined {
		const literal = this.#literals?.[(hash >>> 1) & (slots - 1)];
		if (literal === undefined || literal.nameIndex !== nameIndex) return undefined;
		const { text } = literal;
		if (text.length !== end - start) return undefined;
		for (let index = 0; index < text.length; index++) if (text[index] !== bytes[start + index]) return undefined;
		return literal.field;
	}

	offer(hash: number, nameIndex: number, bytes: Buffer, start: number, end: number, field: HpackField): void {
		this.#hashes ??= new Int32Array(slots);
		const slot = (hash >>> 1) & (slots - 1);
		if (this.#hashes[slot] !== hash) {
			this.#hashes[slot] = hash;
			return;
		}
		this.#literals ??= new Array(slots).fill(undefined);
		this.#literals[slot] = { nameIndex, text: Uint8Array.prototype.slice.call(bytes, start, end), field };
	}
}
