import { type Re2Class, readClass, readEscape } from "./re2-escapes.ts";

/** A pattern in RE2's syntax turned into JavaScript's, or why RE2 would not take it. */
export type TranslatedPattern =
	| { readonly ok: true; readonly source: string; readonly flags: string; readonly groups: number }
	| { readonly ok: false; readonly problem: string };

/** A text's place in a pattern. */
export interface PatternReader {
	readonly text: string;
	at: number;
}

interface Flags {
	readonly ignoreCase: boolean;
	readonly multiline: boolean;
	readonly dotAll: boolean;
	readonly ungreedy: boolean;
}

class PatternError extends Error {}

const noFlags: Flags = { ignoreCase: false, multiline: false, dotAll: false, ungreedy: false };
const maxRepeat = 1000;

/** Translates what RE2 takes and refuses what it refuses: look-around, back-references, possessive quantifiers, repeats above 1000.
 *  Texts are matched as latin1 (bytes), so characters above U+007F in the pattern become their UTF-8 bytes. Case is folded here, not by a flag: with
 *  few exceptions (`\\p`, `$` of several lines) the result is what V8's engine for linear time takes. */
export function translateRe2(pattern: string): TranslatedPattern {
	try {
		const translator = new Translator(pattern);
		const source = translator.run();
		new RegExp(source, translator.flags);
		return { ok: true, source, flags: translator.flags, groups: translator.groups };
	} catch (error) {
		if (error instanceof PatternError) return { ok: false, problem: error.message };
		if (error instanceof SyntaxError) return { ok: false, problem: error.message };
		throw error;
	}
}

class Translator {
	private readonly reader: PatternReader;
	private output = "";
	private state: Flags = noFlags;
	/** Flags to go back to when the open groups end, the innermost last. */
	private readonly outer: Flags[] = [];
	private readonly names = new Set<string>();
	/** Whether the last thing written can be repeated. */
	private repeatable = false;
	private unicode = false;
	groups = 0;

	constructor(pattern: string) {
		this.reader = { text: pattern, at: 0 };
	}

	get flags(): string {
		return this.unicode ? "u" : "";
	}

	run(): string {
		const { reader } = this;
		while (reader.at < reader.text.length) this.step();
		if (this.outer.length > 0) throw new PatternError("missing closing )");
		return this.output;
	}

	private step(): void {
		const { reader } = this;
		const character = reader.text[reader.at]!;
		switch (character) {
			case "(":
				this.openGroup();
				return;
			case ")":
				this.closeGroup();
				return;
			case "|":
				reader.at++;
				this.output += "|";
				this.repeatable = false;
				return;
			case "*":
			case "+":
			case "?":
			case "{":
				this.repeat(character);
				return;
			case ".":
				reader.at++;
				this.write(this.state.dotAll ? "[^]" : "[^\\n]");
				return;
			case "^":
				reader.at++;
				this.write(this.state.multiline ? "(?:^|(?<=\\n))" : "^");
				return;
			case "$":
				reader.at++;
				this.write(this.state.multiline ? "(?=\\n|$)" : "$");
				return;
			case "[":
				this.writeClass(readClass(reader, fail));
				return;
			case "\\":
				this.escape();
				return;
			default:
				this.literal();
				return;
		}
	}

	private write(text: string): void {
		this.output += text;
		this.repeatable = true;
	}

	private writeClass(part: Re2Class): void {
		this.unicode ||= part.unicode;
		this.write(this.state.ignoreCase ? foldClass(part) : part.source);
	}

	private literal(): void {
		const point = this.reader.text.codePointAt(this.reader.at)!;
		const character = String.fromCodePoint(point);
		this.reader.at += character.length;
		this.writeLiteral(character);
	}

	private writeLiteral(character: string): void {
		const isFolded = this.state.ignoreCase && /^[A-Za-z]$/.test(character);
		this.write(isFolded ? `[${character}${otherCase(character)}]` : escapeLiteral(character));
	}

	private escape(): void {
		const { reader } = this;
		if (reader.text.startsWith("\\Q", reader.at)) {
			const end = reader.text.indexOf("\\E", reader.at + 2);
			const quoted = reader.text.slice(reader.at + 2, end === -1 ? undefined : end);
			reader.at = end === -1 ? reader.text.length : end + 2;
			for (const character of quoted) this.writeLiteral(character);
			return;
		}
		this.writeClass(readEscape(reader, fail));
	}

	private repeat(character: string): void {
		const { reader } = this;
		const counted = /^\{(\d+)(?:(,)(\d*))?\}/.exec(reader.text.slice(reader.at, reader.at + 16));
		if (character === "{" && counted === null) {
			this.literal();
			return;
		}
		const operator = counted === null || character !== "{" ? character : counted[0];
		if (!this.repeatable) throw new PatternError(`missing argument to repetition operator: ${operator}`);
		if (character === "{" && counted !== null) {
			const least = Number(counted[1]);
			const most = counted[3] === undefined || counted[3] === "" ? least : Number(counted[3]);
			if (least > maxRepeat || most > maxRepeat || most < least)
				throw new PatternError(`bad repetition count: ${operator}`);
		}
		reader.at += operator.length;
		let lazy = reader.text[reader.at] === "?";
		if (lazy) reader.at++;
		const next = reader.text.slice(reader.at);
		if (/^(?:[*+?]|\{\d+(?:,\d*)?\})/.test(next))
			throw new PatternError(`bad repetition operator: ${operator}${next[0]}`);
		if (this.state.ungreedy) lazy = !lazy;
		this.output += operator + (lazy ? "?" : "");
		this.repeatable = false;
	}

	private openGroup(): void {
		const { reader } = this;
		const rest = reader.text.slice(reader.at);
		if (!rest.startsWith("(?")) {
			reader.at++;
			this.groups++;
			this.push("(", this.state);
			return;
		}
		const named = /^\(\?P?<([A-Za-z_][A-Za-z0-9_]*)>/.exec(rest);
		if (named !== null) {
			const name = named[1]!;
			if (this.names.has(name)) throw new PatternError(`duplicate capture group name: ${name}`);
			this.names.add(name);
			reader.at += named[0].length;
			this.groups++;
			this.push("(", this.state);
			return;
		}
		const flagged = /^\(\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest);
		if (flagged === null || (flagged[3] === ")" && flagged[1] === "" && flagged[2] === undefined)) {
			throw new PatternError(`invalid perl operator: ${rest.slice(0, 4)}`);
		}
		reader.at += flagged[0].length;
		const next = withFlags(withFlags(this.state, flagged[1]!, true), flagged[2] ?? "", false);
		if (flagged[3] === ":") {
			this.push("(?:", next);
			return;
		}
		this.state = next;
		this.repeatable = false;
	}

	private push(opening: string, inner: Flags): void {
		this.output += opening;
		this.outer.push(this.state);
		this.state = inner;
		this.repeatable = false;
	}

	private closeGroup(): void {
		const outer = this.outer.pop();
		if (outer === undefined) throw new PatternError("unexpected )");
		this.reader.at++;
		this.state = outer;
		this.write(")");
	}
}

const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"];

function otherCase(letter: string): string {
	return letter < "a" ? letter.toLowerCase() : letter.toUpperCase();
}

/** A class with the other case of each letter in it; of one that is negated, what is in it is folded, as in RE2. */
function foldClass({ source, unicode }: Re2Class): string {
	const body =
		/^\[(\^?)(.*)\]$/s.exec(source) ?? (/^(?:\\x[0-9a-f]{2}|[A-Za-z])$/.test(source) ? ["", "", source] : undefined);
	if (body === undefined) return source;
	const members = new RegExp(`[${body[2]}]`, unicode ? "u" : "");
	const added = letters.filter((letter) => !members.test(letter) && members.test(otherCase(letter)));
	return added.length === 0 ? source : `[${body[1]}${body[2]}${added.join("")}]`;
}

function fail(problem: string): never {
	throw new PatternError(problem);
}

function withFlags(flags: Flags, letters: string, value: boolean): Flags {
	return {
		ignoreCase: letters.includes("i") ? value : flags.ignoreCase,
		multiline: letters.includes("m") ? value : flags.multiline,
		dotAll: letters.includes("s") ? value : flags.dotAll,
		ungreedy: letters.includes("U") ? value : flags.ungreedy,
	};
}

function escapeLiteral(character: string): string {
	if (/^[A-Za-z0-9_ ]$/.test(character)) return character;
	if (character.codePointAt(0)! < 0x80) return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
	const bytes = [...new TextEncoder().encode(character)].map((byte) => `\\x${byte.toString(16)}`).join("");
	return `(?:${bytes})`;
}
