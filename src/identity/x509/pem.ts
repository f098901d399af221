/** A block of RFC 7468 text around DER bytes, with its final line feed. */
export function formatPem(label: string, der: Uint8Array): string {
	const base64 = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString("base64");
	return `-----BEGIN ${label}-----\n${base64.replace(/.{1,64}/g, "$&\n")}-----END ${label}-----\n`;
}

/** The DER bytes of every block with that label, in order; text around the blocks is ignored. */
export function parsePem(label: string, text: string): Buffer[] {
	const blocks: Buffer[] = [];
	const begin = `-----BEGIN ${label}-----`;
	const end = `-----END ${label}-----`;
	for (let from = text.indexOf(begin); from !== -1; from = text.indexOf(begin, from)) {
		const to = text.indexOf(end, from);
		if (to === -1) break;
		blocks.push(Buffer.from(text.slice(from + begin.length, to), "base64"));
		from = to + end.length;
	}
	return blocks;
}
