import { findFfi } from "./native.ts";

/** A part of a file, and where in this process it shall be. */
export interface FileMapping {
	readonly descriptor: number;
	/** Whole pages. */
	readonly offset: number;
	/** What is there is replaced. */
	readonly address: bigint;
	readonly length: number;
}

const readable = 1;
const privateFixed = 0x12;

/** Maps a part of a file for reading, in the place of whatever is there (`mmap` with `MAP_FIXED`): the caller knows that it is the same.
 *  @returns false where this Node makes no system calls, or the system refuses this one */
export function mapFile({ descriptor, offset, address, length }: FileMapping): boolean {
	const ffi = findFfi();
	if (ffi === undefined) return false;
	const { functions } = ffi.dlopen("libc.so.6", {
		mmap: { return: "uint64", arguments: ["uint64", "uint64", "int32", "int32", "int32", "int64"] },
	});
	return functions.mmap(address, BigInt(length), readable, privateFixed, descriptor, BigInt(offset)) === address;
}
