import type { PatternReader } from "./re2.ts";

/** A translated class or escape; `unicode` when it needs the `u` flag. */
export interface Re2Class {
	readonly source: string;
	readonly unicode: boolean;
}

type Fail = (problem: string) => never;

/** Bodies of character classes, written for use between brackets. */
const perlClasses: Readonly<Record<string, string>> = { d: "0-9", s: "\\t\\n\\f\\r ", w: "0-9A-Za-z_" };
const perlComplements: Readonly<Record<string, string>> = {
	d: "\\x00-\\x2f\\x3a-\\uffff",
	s: "\\x00-\\x08\\x0b\\x0e-\\x1f\\x21-\\uffff",
	w: "\\x00-\\x2f\\x3a-\\x40\\x5b-\\x5e\\x60\\x7b-\\uffff",
};
const posixClasses: Readonly<Record<string, string>> = {
	alnum: "0-9A-Za-z",
	alpha: "A-Za-z",
	ascii: "\\x00-\\x7f",
	blank: "\\t ",
	cntrl: "\\x00-\\x1f\\x7f",
	digit: "0-9",
	graph: "!-~",
	lower: "a-z",
	print: " -~",
	punct: "!-\\/:-@\\[-`{-~",
	space: "\\t\\n\\v\\f\\r ",
	upper: "A-Z",
	word: "0-9A-Za-z_",
	xdigit: "0-9A-Fa-f",
};
const posixComplements: Readonly<Record<string, string>> = {
	alnum: "\\x00-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\uffff",
	alpha: "\\x00-\\x40\\x5b-\\x60\\x7b-\\uffff",
	ascii: "\\x80-\\uffff",
	blank: "\\x00-\\x08\\x0a-\\x1f\\x21-\\uffff",
	cntrl: "\\x20-\\x7e\\x80-\\uffff",
	digit: "\\x00-\\x2f\\x3a-\\uffff",
	graph: "\\x00-\\x20\\x7f-\\uffff",
	lower: "\\x00-\\x60\\x7b-\\uffff",
	print: "\\x00-\\x1f\\x7f-\\uffff",
	punct: "\\x00-\\x20\\x30-\\x39A-Za-z\\x7f-\\uffff",
	space: "\\x00-\\x08\\x0e-\\x1f\\x21-\\uffff",
	upper: "\\x00-\\x40\\x5b-\\uffff",
	word: "\\x00-\\x2f\\x3a-\\x40\\x5b-\\x5e\\x60\\x7b-\\uffff",
	xdigit: "\\x00-\\x2f\\x3a-\\x40\\x47-\\x60\\x67-\\uffff",
};
const controls: Readonly<Record<string, string>> = { a: "\\x07", f: "\\f", t: "\\t", n: "\\n", r: "\\r", v: "\\v" };

/** Reads an escape outside of brackets; the reader stands on the backslash. */
export function readEscape(reader: PatternReader, fail: Fail): Re2Class {
	const letter = reader.text[reader.at + 1];
	switch (letter) {
		case "A":
			reader.at += 2;
			return plain("^");
		case "z":
			reader.at += 2;
			return plain("$");
		case "b":
		case "B":
			reader.at += 2;
			return plain(`\\${letter}`);
		default: {
			const body = readClassEscape(reader, fail);
			return body.single
				? { source: body.source, unicode: body.unicode }
				: { source: `[${body.source}]`, unicode: body.unicode };
		}
	}
}

/** Reads a bracketed class; the reader stands on `[`. */
export function readClass(reader: PatternReader, fail: Fail): Re2Class {
	const start = reader.at++;
	let unicode = false;
	let source = "[";
	if (reader.text[reader.at] === "^") {
		source += "^";
		reader.at++;
	}
	const first = reader.at;
	while (reader.text[reader.at] !== "]" || reader.at === first) {
		if (reader.at >= reader.text.length) fail(`missing closing ]: ${reader.text.slice(start)}`);
		const posix = /^\[:(\^?)([a-z]+):\]/.exec(reader.text.slice(reader.at));
		if (posix !== null) {
			source +=
				(posix[1] === "^" ? posixComplements : posixClasses)[posix[2]!] ??
				fail(`invalid character class range: ${posix[0]}`);
			reader.at += posix[0].length;
			continue;
		}
		const low = readClassItem(reader, fail);
		unicode ||= low.unicode;
		source += low.source;
		if (reader.text[reader.at] !== "-" || reader.text[reader.at + 1] === "]" || !low.single) continue;
		reader.at++;
		const high = readClassItem(reader, fail);
		if (!high.single) fail(`invalid character class range: ${reader.text.slice(start, reader.at)}`);
		source += `-${high.source}`;
		unicode ||= high.unicode;
	}
	reader.at++;
	return { source: `${source}]`, unicode };
}

interface ClassItem extends Re2Class {
	/** Whether it is one character, which may begin or end a range. */
	readonly single: boolean;
}

function readClassItem(reader: PatternReader, fail: Fail): ClassItem {
	if (reader.text[reader.at] === "\\") return readClassEscape(reader, fail);
	const point = reader.text.codePointAt(reader.at) ?? fail("missing closing ]");
	reader.at += point > 0xffff ? 2 : 1;
	return codePoint(point);
}

function readClassEscape(reader: PatternReader, fail: Fail): ClassItem {
	const rest = reader.text.slice(reader.at);
	const letter = rest[1] ?? fail("trailing \\ at end of pattern");
	const done = (length: number, item: ClassItem): ClassItem => {
		reader.at += length;
		return item;
	};
	const lower = letter.toLowerCase();
	if (perlClasses[lower] !== undefined) {
		return done(2, {
			source: (letter === lower ? perlClasses : perlComplements)[lower]!,
			unicode: false,
			single: false,
		});
	}
	if (controls[letter] !== undefined) return done(2, { source: controls[letter], unicode: false, single: true });
	const property = /^\\([pP])(?:\{(\^?)([A-Za-z_]+)\}|([A-Z]))/.exec(rest);
	if (property !== null) return done(property[0].length, unicodeProperty(property));
	const hex = /^\\x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/.exec(rest);
	if (hex !== null) return done(hex[0].length, codePoint(Number.parseInt(hex[1] ?? hex[2]!, 16)));
	const octal = /^\\(0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest);
	if (octal !== null) return done(octal[0].length, codePoint(Number.parseInt(octal[1]!, 8)));
	if (/[A-Za-z0-9]/.test(letter)) fail(`invalid escape sequence: \\${letter}`);
	const point = rest.codePointAt(1)!;
	return done(point > 0xffff ? 3 : 2, codePoint(point));
}

function unicodeProperty(match: RegExpExecArray): ClassItem {
	const negated = (match[1] === "P") !== (match[2] === "^");
	const name = match[3] ?? match[4]!;
	const property = name === "Any" || name.length <= 2 ? name : `Script=${name}`;
	return { source: `\\${negated ? "P" : "p"}{${property}}`, unicode: true, single: false };
}

function codePoint(point: number): ClassItem {
	if (point > 0xffff) return { source: `\\u{${point.toString(16)}}`, unicode: true, single: true };
	const hex = point.toString(16);
	return {
		source: point < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`,
		unicode: false,
		single: true,
	};
}

function plain(source: string): Re2Class {
	return { source, unicode: false };
}
