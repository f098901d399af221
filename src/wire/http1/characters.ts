/** Classes of the first 256 code points, one bit each; RFC 9110 section 5.6.2, RFC 3986. */
export const tokenBit = 1;
export const valueBit = 2;
export const targetBit = 4;
export const authorityBit = 8;

/** Bits of every latin1 character. */
export const characterClass: Uint8Array = buildTable();

function buildTable(): Uint8Array {
	const table = new Uint8Array(256);
	const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	const mark = (characters: string, bit: number): void => {
		for (const character of characters) table[character.charCodeAt(0)]! |= bit;
	};
	mark(`${alphanumeric}!#$%&'*+-.^_\`|~`, tokenBit);
	mark(`${alphanumeric}!$%&'()*+,-.:;=@[]_~`, authorityBit);
	for (let code = 0; code < 256; code++) {
		if (code === 9 || (code >= 0x20 && code !== 0x7f)) table[code]! |= valueBit;
		if (code >= 0x21 && code <= 0x7e) table[code]! |= targetBit;
	}
	return table;
}

/** Whether every character of `text` has one of `bits`. */
export function hasOnly(text: string, bits: number): boolean {
	for (let index = 0; index < text.length; index++) {
		if (((characterClass[text.charCodeAt(index)] ?? 0) & bits) === 0) return false;
	}
	return true;
}
