/** Takes the code of Node's own modules out of a snapshot, but for those whose names match `kept`: Node keeps all of it in the private memory of
 *  the process, 4 MB, and the modules that a proxy uses are in the snapshot, compiled.
 *
 *  The code is the last part of the file, as Node writes it (`SnapshotData::ToBlob`): a number of modules, and of each its name and its code,
 *  with their lengths in front; all numbers have eight bytes.
 *  @throws Error when the file does not end in such a part */
export function trimSnapshot(blob: Buffer, kept: RegExp): Buffer {
	for (let at = blob.length - 8; at > 0; at--) {
		const modules = readModules(blob, at);
		if (modules === undefined) continue;
		const remaining = modules.filter(({ name }) => kept.test(name));
		const count = Buffer.alloc(8);
		count.writeBigUInt64LE(BigInt(remaining.length));
		return Buffer.concat([blob.subarray(0, at), count, ...remaining.map(({ bytes }) => bytes)]);
	}
	throw new Error("the snapshot does not end in the code of Node's modules");
}

/** V8's part of a snapshot: behind a mark of four bytes, the kind of snapshot, the names of version, architecture and system, and flags comes its
 *  length in four bytes. */
export function readHeap(blob: Buffer): Buffer {
	let at = 5;
	for (let name = 0; name < 3; name++) at += 8 + blob.readUInt32LE(at);
	const length = blob.readUInt32LE(at + 4);
	return blob.subarray(at + 8, at + 8 + length);
}

interface ModuleCode {
	readonly name: string;
	readonly bytes: Buffer;
}

const longestName = 200;
const fewest = 100;
const most = 2000;

/** The modules behind their number at `start`; undefined when something else is there. */
function readModules(blob: Buffer, start: number): readonly ModuleCode[] | undefined {
	const readSize = (at: number, bound: number): number | undefined => {
		if (at + 8 > blob.length || blob.readUInt32LE(at + 4) !== 0) return undefined;
		const size = blob.readUInt32LE(at);
		return size > bound ? undefined : size;
	};
	const count = readSize(start, most);
	if (count === undefined || count < fewest) return undefined;
	const modules: ModuleCode[] = [];
	let at = start + 8;
	for (let index = 0; index < count; index++) {
		const begin = at;
		const nameLength = readSize(at, longestName);
		if (nameLength === undefined) return undefined;
		const name = blob.toString("latin1", at + 8, at + 8 + nameLength);
		at += 8 + nameLength;
		const length = readSize(at, blob.length - at);
		if (length === undefined) return undefined;
		at += 8 + length;
		modules.push({ name, bytes: blob.subarray(begin, at) });
	}
	return at === blob.length ? modules : undefined;
}
