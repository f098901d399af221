const form = /^[A-Za-z0-9_-]*={0,2}$/;

/** The bytes of a base64url text, with or without padding; undefined when it is none. White space does not count. */
export function decodeBase64Url(spaced: string): Buffer | undefined {
	const text = spaced.replace(/[\t\n\v\f\r ]/g, "");
	if (!form.test(text)) return undefined;
	const length = text.includes("=") ? text.indexOf("=") : text.length;
	if (length % 4 === 1 || (length !== text.length && text.length % 4 !== 0)) return undefined;
	return Buffer.from(text, "base64url");
}
