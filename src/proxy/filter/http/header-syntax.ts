/** Whether a text can be the name of a field, a pseudo header's included (RFC 9110 section 5.1). */
export function isHeaderName(text: string): boolean {
	return /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
}

/** Whether a text can be the value of a field, a character a byte: a line end in it would begin another one, and a character beyond latin1 is cut
 *  down to one that may be a line end. */
export function isHeaderValue(text: string): boolean {
	return !/[^\t\x20-\x7e\x80-\xff]/.test(text);
}
