import type { Random } from "./random.ts";

const pairs: readonly string[] = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));

/** `words` times 32 random bits in hex, never all zero. Such identifiers need to be unlikely to meet, not secret. */
export function createHexId(random: Random, words: number): string {
	let id = "";
	let bits = 0;
	for (let index = 0; index < words; index++) {
		let word = (random.next() * 0x1_0000_0000) | 0;
		bits |= word;
		if (index === words - 1 && bits === 0) word = 1;
		id += pairs[word >>> 24]! + pairs[(word >>> 16) & 0xff]! + pairs[(word >>> 8) & 0xff]! + pairs[word & 0xff]!;
	}
	return id;
}
