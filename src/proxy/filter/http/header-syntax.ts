/** Whether a text can be the name of a field, a pseudo header's included (RFC 9110 section 5.1). */
export function isHeaderName(text: string): boolean {
	return /^:?[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text);
}

/** Whether a text can be the value of a field: a line end in it would begin another one. */
export function isHeaderValue(text: string): boolean {
	return !/[\0\r\n]/.test(text);
}

/** Whether a text can be the value of a field as Envoy's upstream codecs see it: no control character but the tab. */
export function isPlainHeaderValue(text: string): boolean {
	return !/[^\t\x20-\x7e\x80-\xff]/.test(text);
}
