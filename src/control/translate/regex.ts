const maxRegexLength = 1024;

/** Why RE2 would refuse a regular expression; undefined when it is fine. A proxy refuses the whole resource for one bad
 *  expression, so a bad one must not get that far. */
export function findRegexFault(regex: string): string | undefined {
	if (regex === "") return "must not be an empty regular expression";
	if (regex.length > maxRegexLength) return `regular expression longer than ${maxRegexLength} characters`;
	const unsupported = findUnsupported(regex);
	if (unsupported !== undefined) return `RE2 has no ${unsupported} in '${regex}'`;
	try {
		// RE2 takes flags at the start and Python's named groups; JavaScript spells them otherwise.
		new RegExp(regex.replace(/^\(\?[imsU]+\)/, "").replaceAll("(?P<", "(?<"));
		return undefined;
	} catch (error) {
		return `bad regular expression '${regex}': ${(error as Error).message.replace(/^Invalid regular expression: /, "")}`;
	}
}

function findUnsupported(regex: string): string | undefined {
	let isInClass = false;
	for (let position = 0; position < regex.length; position++) {
		const rest = regex.slice(position, position + 4);
		if (rest[0] === "\\") {
			if (/^\\[1-9k]/.test(rest)) return "backreference";
			position++;
		} else if (isInClass) isInClass = rest[0] !== "]";
		else if (rest[0] === "[") isInClass = true;
		else if (/^\(\?[=!]/.test(rest)) return "lookahead";
		else if (/^\(\?<[=!]/.test(rest)) return "lookbehind";
	}
	for (const [, low, , high] of regex.matchAll(/\{(\d+)(,(\d*))?\}/g))
		if (Number(low) > 1000 || Number(high ?? 0) > 1000) return "repetition above 1000";
	return undefined;
}
