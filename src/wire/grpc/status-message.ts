/** The text of a `grpc-message` header; broken escapes stay as they are. */
export function decodeStatusMessage(value: string): string {
	if (!value.includes("%")) return value;
	const bytes: number[] = [];
	for (let at = 0; at < value.length; at++) {
		const code = value[at] === "%" ? Number.parseInt(value.slice(at + 1, at + 3), 16) : Number.NaN;
		if (Number.isNaN(code) || !/^[0-9a-fA-F]{2}$/.test(value.slice(at + 1, at + 3))) {
			bytes.push(value.charCodeAt(at) & 0xff);
			continue;
		}
		bytes.push(code);
		at += 2;
	}
	return Buffer.from(bytes).toString("utf8");
}

/** A `grpc-message` header: what is not printable ASCII, and the percent sign, as its UTF-8 bytes in hex. */
export function encodeStatusMessage(text: string): string {
	let value = "";
	for (const byte of Buffer.from(text, "utf8")) {
		value +=
			byte < 0x20 || byte > 0x7e || byte === 0x25
				? `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
				: String.fromCharCode(byte);
	}
	return value;
}
