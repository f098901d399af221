import type { Http2Head } from "./head.ts";

const slots = 64;
const maxBlockBytes = 64;

interface CachedBlock {
	readonly hash: number;
	readonly block: Uint8Array;
	readonly head: Http2Head;
}

/** Heads by the bytes of their blocks: valid while the dynamic table is unchanged, for blocks that refer to tables alone. A steady client
 *  sends the same few blocks again and again. */
export class HeadCache {
	#slots: (CachedBlock | undefined)[] | undefined;
	#generation = -1;

	/** The head of the block `bytes[start, end)`, when it is known. */
	find(bytes: Buffer, start: number, end: number, generation: number): Http2Head | undefined {
		if (this.#slots === undefined || this.#generation !== generation || end - start > maxBlockBytes) return undefined;
		const hash = hashOf(bytes, start, end);
		const slot = this.#slots[hash & (slots - 1)];
		if (slot === undefined || slot.hash !== hash || slot.block.length !== end - start) return undefined;
		for (let index = 0; index < slot.block.length; index++) {
			if (slot.block[index] !== bytes[start + index]) return undefined;
		}
		return slot.head;
	}

	keep(bytes: Buffer, start: number, end: number, generation: number, head: Http2Head): void {
		if (end - start > maxBlockBytes) return;
		if (this.#slots === undefined || this.#generation !== generation) {
			this.#slots = new Array(slots).fill(undefined);
			this.#generation = generation;
		}
		const hash = hashOf(bytes, start, end);
		this.#slots[hash & (slots - 1)] = { hash, block: Uint8Array.prototype.slice.call(bytes, start, end), head };
	}
}

function hashOf(bytes: Buffer, start: number, end: number): number {
	let hash = end - start;
	for (let index = start; index < end; index++) hash = (Math.imul(hash, 31) + bytes[index]!) | 0;
	return hash ^ (hash >>> 15);
}
