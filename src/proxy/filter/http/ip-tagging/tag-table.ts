import { type CidrRange, firstOfCidr, parseAddress } from "../../../../engine/matcher/index.ts";

/** Tags of addresses by their ranges: one look-up for each length of prefixes, however many ranges there are. */
export class TagTable {
	/** The longest prefixes first, by family (4 or 16 bytes) and length. */
	readonly #levels: { readonly bytes: number; readonly prefixLength: number; readonly tags: Map<string, string[]> }[] =
		[];

	constructor(tags: readonly { readonly name: string; readonly ranges: readonly CidrRange[] }[]) {
		for (const { name, ranges } of tags) for (const range of ranges) this.#add(range, name);
		this.#levels.sort((left, right) => right.prefixLength - left.prefixLength);
	}

	/** The tags of an address as text, each once. */
	of(text: string): readonly string[] {
		const address = parseAddress(text);
		if (address === undefined) return [];
		const found = new Set<string>();
		for (const { bytes, prefixLength, tags } of this.#levels) {
			if (bytes !== address.length) continue;
			for (const tag of tags.get(keyOf({ address, prefixLength })) ?? []) found.add(tag);
		}
		return [...found];
	}

	#add(range: CidrRange, name: string): void {
		const { address, prefixLength } = range;
		let level = this.#levels.find((one) => one.bytes === address.length && one.prefixLength === prefixLength);
		if (level === undefined) {
			level = { bytes: address.length, prefixLength, tags: new Map() };
			this.#levels.push(level);
		}
		const key = keyOf(range);
		const names = level.tags.get(key);
		if (names === undefined) level.tags.set(key, [name]);
		else names.push(name);
	}
}

function keyOf(range: CidrRange): string {
	return Buffer.from(firstOfCidr(range)).toString("latin1");
}
