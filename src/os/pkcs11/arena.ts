import type { Ffi } from "../native.ts";

/** Memory whose addresses hold, for calls that take structures with pointers in them. What was taken is good until `reset`. */
export interface Arena {
	/** @returns zeroed bytes and where they are */
	take(bytes: number): Piece;
	/** A copy of bytes. */
	put(bytes: Uint8Array): Piece;
	/** A CK_ATTRIBUTE array. */
	putAttributes(attributes: readonly AttributeValue[]): Piece;
	reset(): void;
}

export interface Piece {
	readonly address: bigint;
	readonly bytes: Buffer;
}

/** A flag, a number, or bytes. */
export type AttributeValue = readonly [type: bigint, value: boolean | bigint | Uint8Array];

const arenaBytes = 256 * 1024;
/** CK_ATTRIBUTE: type, pointer, length, each an unsigned long. */
export const attributeBytes = 24;

/** @throws RangeError when more is taken than there is */
export function createArena(ffi: Ffi): Arena {
	const memory = new ArrayBuffer(arenaBytes);
	const base = BigInt(ffi.getRawPointer(memory));
	let used = 0;
	const arena: Arena = {
		take(bytes) {
			const at = used;
			used += (bytes + 7) & ~7;
			if (used > arenaBytes) throw new RangeError(`more than ${arenaBytes} bytes in one call`);
			const piece = Buffer.from(memory, at, bytes);
			piece.fill(0);
			return { address: base + BigInt(at), bytes: piece };
		},
		put(bytes) {
			const piece = arena.take(bytes.length);
			piece.bytes.set(bytes);
			return piece;
		},
		putAttributes(attributes) {
			const list = arena.take(attributeBytes * attributes.length);
			for (const [index, [type, value]] of attributes.entries()) {
				const piece = arena.put(encode(value));
				const at = index * attributeBytes;
				list.bytes.writeBigUInt64LE(type, at);
				list.bytes.writeBigUInt64LE(piece.address, at + 8);
				list.bytes.writeBigUInt64LE(BigInt(piece.bytes.length), at + 16);
			}
			return list;
		},
		reset() {
			used = 0;
		},
	};
	return arena;
}

function encode(value: boolean | bigint | Uint8Array): Uint8Array {
	if (typeof value === "boolean") return Buffer.of(value ? 1 : 0);
	if (typeof value !== "bigint") return value;
	const number = Buffer.alloc(8);
	number.writeBigUInt64LE(value);
	return number;
}
