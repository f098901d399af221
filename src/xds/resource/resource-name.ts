/** The name inside a packed resource. In every resource type of discovery it is field 1, a string.
 *  @returns undefined when the bytes hold none */
export function readResourceName(value: Uint8Array): string | undefined {
	let at = 0;
	let name: string | undefined;
	const readVarint = (): number => {
		let result = 0;
		for (let shift = 1; at < value.length; shift *= 128) {
			const byte = value[at++] as number;
			result += (byte & 127) * shift;
			if (byte < 128) return result;
		}
		return Number.NaN;
	};
	while (at < value.length) {
		const tag = readVarint();
		const field = Math.floor(tag / 8);
		const wire = tag % 8;
		let length: number;
		if (wire === 2) length = readVarint();
		else if (wire === 1) length = 8;
		else if (wire === 5) length = 4;
		else if (wire === 0 && !Number.isNaN(readVarint())) length = 0;
		else return undefined;
		if (!(at + length <= value.length)) return undefined;
		// The last occurrence of a field wins.
		if (field === 1 && wire === 2) name = Buffer.from(value.buffer, value.byteOffset + at, length).toString("utf8");
		at += length;
	}
	return name;
}
