/** What keeps a text from being an RE2 regular expression, or undefined. RE2's syntax (github.com/google/re2/wiki/Syntax) is
 *  checked here because one bad expression makes a stock Envoy refuse the whole route configuration it stands in. */
export function findPatternFault(pattern: string): string | undefined {
	const cursor: Cursor = { text: pattern, at: 0, groups: 0, budget: maxRepeatedSize };
	try {
		readAlternatives(cursor, 0);
		if (cursor.at < pattern.length) throw new PatternFault("a ')' closes nothing");
		return undefined;
	} catch (error) {
		if (error instanceof PatternFault) return error.message;
		throw error;
	}
}

class PatternFault extends Error {}

interface Cursor {
	readonly text: string;
	at: number;
	groups: number;
	readonly budget: number;
}

/** RE2 allows at most 1000 repetitions, of nested counted repetitions the product. */
const maxRepeatedSize = 1000;
const maxNesting = 100;

/** Reads up to the closing parenthesis or the end; returns the largest product of counted repetitions inside. */
function readAlternatives(cursor: Cursor, depth: number): number {
	if (depth > maxNesting) throw new PatternFault(`groups are nested deeper than ${maxNesting}`);
	let size = 1;
	while (cursor.at < cursor.text.length && cursor.text[cursor.at] !== ")") {
		if (cursor.text[cursor.at] === "|") {
			cursor.at++;
			continue;
		}
		size = Math.max(size, readRepeated(cursor, depth));
	}
	return size;
}

function readRepeated(cursor: Cursor, depth: number): number {
	const { text } = cursor;
	if (/[*+?]/.test(text[cursor.at]!)) throw new PatternFault(`'${text[cursor.at]}' repeats nothing`);
	const atom = readAtom(cursor, depth);
	const operator = /^(?:[*+?]|\{(\d+)(?:,(\d*))?\})\??/.exec(text.slice(cursor.at, cursor.at + 16));
	if (operator === null) return atom;
	cursor.at += operator[0].length;
	if (/^(?:[*+?]|\{\d+(?:,\d*)?\})/.test(text.slice(cursor.at, cursor.at + 16)))
		throw new PatternFault(`'${operator[0]}${text[cursor.at]}' repeats a repetition: put the inner one in a group`);
	if (operator[1] === undefined) return atom;
	const min = Number(operator[1]);
	const max = operator[2] === undefined ? min : operator[2] === "" ? min : Number(operator[2]);
	if (max < min) throw new PatternFault(`'${operator[0]}' has its bounds in the wrong order`);
	const size = atom * Math.max(1, max);
	if (size > cursor.budget) throw new PatternFault(`more than ${maxRepeatedSize} repetitions`);
	return size;
}

function readAtom(cursor: Cursor, depth: number): number {
	const { text } = cursor;
	switch (text[cursor.at]) {
		case "(":
			return readGroup(cursor, depth);
		case "[":
			readClass(cursor);
			return 1;
		case "\\":
			readEscape(cursor, false);
			return 1;
		default:
			cursor.at++;
			return 1;
	}
}

function readGroup(cursor: Cursor, depth: number): number {
	cursor.at++;
	const rest = cursor.text.slice(cursor.at, cursor.at + 80);
	if (rest.startsWith("?")) {
		if (/^\?<?[=!]/.test(rest)) throw new PatternFault("looking ahead or behind is not supported by RE2");
		if (rest.startsWith("?>")) throw new PatternFault("atomic groups are not supported by RE2");
		const head = /^\?(?:P?<[A-Za-z_]\w*>|(?:[imsU]+(?:-[imsU]+)?|-[imsU]+)?(:|\)))/.exec(rest);
		if (head === null) throw new PatternFault(`'(${rest.slice(0, 3)}' starts no group`);
		cursor.at += head[0].length;
		if (head[1] === ")") {
			if (head[0] === "?)") throw new PatternFault("'(?)' starts no group");
			return 1;
		}
	}
	const size = readAlternatives(cursor, depth + 1);
	if (cursor.text[cursor.at] !== ")") throw new PatternFault("a '(' is not closed");
	cursor.at++;
	return size;
}

const classNames = /^\[:\^?(?:alnum|alpha|ascii|blank|cntrl|digit|graph|lower|print|punct|space|upper|word|xdigit):\]/;

function readClass(cursor: Cursor): void {
	const { text } = cursor;
	cursor.at++;
	if (text[cursor.at] === "^") cursor.at++;
	for (let isFirst = true; ; isFirst = false) {
		if (cursor.at >= text.length) throw new PatternFault("a '[' is not closed");
		if (text[cursor.at] === "]" && !isFirst) break;
		const low = readClassMember(cursor);
		if (text[cursor.at] !== "-" || text[cursor.at + 1] === "]" || cursor.at + 1 >= text.length) continue;
		cursor.at++;
		const high = readClassMember(cursor);
		if (low === undefined || high === undefined || high < low)
			throw new PatternFault("a character range is in the wrong order");
	}
	cursor.at++;
}

/** The code of the character read, or undefined for a set of characters. */
function readClassMember(cursor: Cursor): number | undefined {
	const { text } = cursor;
	if (text.startsWith("[:", cursor.at)) {
		const name = classNames.exec(text.slice(cursor.at, cursor.at + 16));
		if (name === null) throw new PatternFault("an unknown character class starts with '[:'");
		cursor.at += name[0].length;
		return undefined;
	}
	if (text[cursor.at] === "\\") return readEscape(cursor, true);
	const code = text.codePointAt(cursor.at)!;
	cursor.at += code > 0xffff ? 2 : 1;
	return code;
}

const controls: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };

function readEscape(cursor: Cursor, isInClass: boolean): number | undefined {
	const rest = cursor.text.slice(cursor.at + 1, cursor.at + 60);
	const take = (length: number, code?: number): number | undefined => {
		cursor.at += 1 + length;
		return code;
	};
	if (rest === "") throw new PatternFault("it ends in a '\\'");
	const letter = rest[0]!;
	if (/^[dDsSwW]/.test(rest)) return take(1);
	if (!isInClass && /^[bBAzC]/.test(rest)) return take(1);
	if (!isInClass && letter === "Q") {
		const end = cursor.text.indexOf("\\E", cursor.at + 2);
		cursor.at = end === -1 ? cursor.text.length : end + 2;
		return undefined;
	}
	const property = /^[pP](?:\{\^?([A-Za-z_]+)\}|([A-Za-z]))/.exec(rest);
	if (property !== null) {
		if (!isProperty(property[1] ?? property[2]!)) throw new PatternFault(`'\\${property[0]}' is no Unicode class`);
		return take(property[0].length);
	}
	const hex = /^x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})/.exec(rest);
	if (hex !== null) {
		const code = Number.parseInt(hex[1] ?? hex[2]!, 16);
		if (code > 0x10ffff) throw new PatternFault(`'\\${hex[0]}' is no character`);
		return take(hex[0].length, code);
	}
	const octal = /^(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest);
	if (octal !== null) return take(octal[0].length, Number.parseInt(octal[0], 8));
	if (/^[1-9]/.test(rest)) throw new PatternFault(`references such as '\\${letter}' are not supported by RE2`);
	if (Object.hasOwn(controls, letter)) return take(1, controls[letter]);
	const code = rest.codePointAt(0)!;
	if (code < 0x80 && !/[A-Za-z0-9]/.test(letter)) return take(1, code);
	throw new PatternFault(`'\\${letter}' is no escape of RE2`);
}

/** Whether RE2 knows a Unicode class: a general category or a script. */
function isProperty(name: string): boolean {
	if (name === "Any") return true;
	const expression = name.length <= 2 ? `\\p{${name}}` : `\\p{Script=${name}}`;
	try {
		return new RegExp(expression, "u").source !== "";
	} catch {
		return false;
	}
}
