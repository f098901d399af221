const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const quoted = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"';
const blank = "[ \\t]*";
/** An entry from where it begins: its identifier, and its parameters. */
const entry = new RegExp(
	`((?:\\[[0-9A-Fa-f:.]*\\]|${token})(?::\\d*)?)${blank}(?:;${blank}${token}=(?:${quoted}|${token})${blank})*`,
	"y",
);

/** The identifiers in a value of `cdn-loop` (RFC 8586), parameters aside; undefined when it is malformed. Empty entries are passed over. */
export function parseCdnLoop(value: string): readonly string[] | undefined {
	const found: string[] = [];
	let at = 0;
	for (;;) {
		while (at < value.length && " \t,".includes(value[at]!)) at++;
		if (at === value.length) return found;
		entry.lastIndex = at;
		const match = entry.exec(value);
		if (match === null) return undefined;
		found.push(match[1]!);
		at = entry.lastIndex;
		if (at < value.length && value[at] !== ",") return undefined;
	}
}
