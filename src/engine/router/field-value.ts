/** A formatted value may hold what a peer put into a server name, a certificate or metadata: nothing of it ends the line. Written as latin1,
 *  a character beyond would be cut down to another one. */
export function toFieldValue(text: string): string {
	return unfitCharacter.test(text) ? text.replace(/[^\t\x20-\x7e\x80-\xff]/g, "_") : text;
}

const unfitCharacter = /[^\t\x20-\x7e\x80-\xff]/;
