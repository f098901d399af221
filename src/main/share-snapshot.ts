import { closeSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { mapFile } from "../os/index.ts";

/** What the C library's allocator keeps in front of a block. */
const headerBytes = 16;
const pageBytes = 4096;
/** Set in the size of a block that has pages of its own. */
const isMapped = 2n;
/** Little, for it stays until the collector runs again. */
const compareBytes = 64 * 1024;

/** Has this process share the snapshot that it was started from with all others of this machine. Node reads the file into memory of the process
 *  and keeps it, for threads that start later: the same bytes are mapped from a file in its place, so that the kernel holds them once, and not
 *  at all while nobody looks.
 *  @param path of a file with the snapshot behind {@link headerBytes} bytes, so that its pages are those of the memory
 *  @returns whether it is shared: not where the memory lies otherwise, or this Node makes no system calls */
export function shareSnapshot(path: string): boolean {
	const { size } = statSync(path);
	const file = openSync(path, "r");
	const memory = openSync("/proc/self/mem", "r");
	try {
		const at = findBlock(memory, size);
		if (at === undefined || !isSame(memory, at, file, size)) return false;
		// The first page has the allocator's header, the last one may have something behind the snapshot.
		const length = size - (size % pageBytes) - pageBytes;
		return mapFile({ descriptor: file, offset: pageBytes, address: BigInt(at + pageBytes), length });
	} finally {
		closeSync(file);
		closeSync(memory);
	}
}

/** The address of the block that is as large as the snapshot. */
function findBlock(memory: number, size: number): number | undefined {
	// Its own size is a multiple of 16 with 8 bytes of bookkeeping; such a block has 8 more.
	const blockBytes = Math.ceil((Math.ceil((size - headerBytes + 8) / 16) * 16 + 8) / pageBytes) * pageBytes;
	const header = Buffer.alloc(headerBytes);
	for (const line of readFileSync("/proc/self/maps", "latin1").split("\n")) {
		const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw-p 00000000 00:00 0\s*$/.exec(line) ?? [];
		if (from === undefined || to === undefined) continue;
		const end = Number.parseInt(to, 16);
		for (let at = Number.parseInt(from, 16); at + blockBytes <= end; at += pageBytes) {
			readSync(memory, header, 0, headerBytes, at);
			if (header.readBigUInt64LE(8) === (BigInt(blockBytes) | isMapped)) return at;
		}
	}
	return undefined;
}

/** Whether the memory has what the file has, but for the header. */
function isSame(memory: number, at: number, file: number, size: number): boolean {
	const [held, wanted] = [Buffer.allocUnsafeSlow(compareBytes), Buffer.allocUnsafeSlow(compareBytes)];
	for (let offset = headerBytes; offset < size; offset += compareBytes) {
		const length = Math.min(compareBytes, size - offset);
		if (readSync(memory, held, 0, length, at + offset) !== length) return false;
		if (readSync(file, wanted, 0, length, offset) !== length) return false;
		if (held.compare(wanted, 0, length, 0, length) !== 0) return false;
	}
	return true;
}
