/** What no value of a field has in it: every control character but the tab, and characters beyond latin1. */
const unfit = /[^\t\x20-\x7e\x80-\xff]/;
const everyUnfit = new RegExp(unfit, "g");

/** Whether a text can be the name of a field, a pseudo header's included (RFC 9110 section 5.1). */
export function isHeaderName(text: string): boolean {
	return /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
}

/** Whether a text can be the value of a field, a character a byte: a line end in it would begin another one, and a character beyond latin1 is cut
 *  down to one that may be a line end. */
export function isHeaderValue(text: string): boolean {
	return !unfit.test(text);
}

/** A formatted value may hold what a peer put into a server name, a certificate or metadata: `_` stands for whatever cannot be in a field. */
export function toHeaderValue(text: string): string {
	return unfit.test(text) ? text.replace(everyUnfit, "_") : text;
}
