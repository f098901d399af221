import { LiteralCache } from "./literal-cache.ts";
import { entryOverhead, staticTable } from "./static-table.ts";

/** A decoded field. Fields of tables are shared by every block that refers to them: never changed. */
export interface HpackField {
	readonly name: string;
	readonly value: string;
	/** What `describe` said of it. */
	readonly tag: number;
	/** Its size as RFC 7541 section 4.1 counts it: octets of name and value, and 32. */
	readonly size: number;
}

/** What decoders share: the static table described by their user, and room to decode Huffman texts. */
export interface HpackDictionary {
	/** Looks at a field once when it enters: whatever the user wants to know later without looking at its text again. */
	readonly describe: (name: string, value: string) => number;
	/** Entry 1 at index 0. */
	readonly staticFields: readonly HpackField[];
	readonly literals: LiteralCache;
	/** Room for the text at hand, at least `bytes`. */
	scratch(bytes: number): Buffer;
}

const scratchBytes = 16 * 1024;

/** A dictionary for any number of decoders. */
export function createHpackDictionary(describe: (name: string, value: string) => number): HpackDictionary {
	let scratch: Buffer | undefined;
	return {
		describe,
		literals: new LiteralCache(),
		staticFields: Array.from({ length: staticTable.length / 2 }, (_, index) => {
			const name = staticTable[index * 2]!;
			const value = staticTable[index * 2 + 1]!;
			return { name, value, tag: describe(name, value), size: name.length + value.length + entryOverhead };
		}),
		scratch(bytes) {
			if (bytes > scratchBytes) return Buffer.allocUnsafe(bytes);
			scratch ??= Buffer.allocUnsafeSlow(scratchBytes);
			return scratch;
		},
	};
}
