import type { RangeSelector } from "./store.ts";

/** The keys a selector means as a half-open interval in the order of UTF-8 bytes; no `end` is without bound. */
export interface KeyInterval {
	readonly start: string;
	readonly end: string | undefined;
}

/** The interval of a selector. */
export function toInterval(selector: RangeSelector): KeyInterval {
	if ("key" in selector) return { start: selector.key, end: `${selector.key}\0` };
	return { start: selector.prefix, end: nextPrefix(selector.prefix) };
}

/** Whether a selector means `key`. */
export function selectsKey(selector: RangeSelector, key: string): boolean {
	return "key" in selector ? selector.key === key : key.startsWith(selector.prefix);
}

/** The first key after every key with the prefix: its last character raised by one, in code points. */
function nextPrefix(prefix: string): string | undefined {
	const characters = [...prefix];
	for (let last = characters.pop(); last !== undefined; last = characters.pop()) {
		const code = last.codePointAt(0)!;
		if (code === 0x10ffff) continue;
		// UTF-8 has no surrogates: what follows U+D7FF is U+E000.
		return characters.join("") + String.fromCodePoint(code === 0xd7ff ? 0xe000 : code + 1);
	}
	return undefined;
}
