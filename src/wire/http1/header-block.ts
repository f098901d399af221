import { type HeaderList, requestJoinedHeaders, responseJoinedHeaders } from "../../core/index.ts";
import { characterClass, tokenBit, valueBit } from "./characters.ts";
import { formatFields } from "./encoder.ts";
import type { Http1Fault } from "./errors.ts";

/** Outcomes of {@link HeaderBlock.scan} that are no fault. */
export type ScanOutcome = "complete" | "incomplete" | "irregular" | Http1Fault;

/** The header lines of one message, kept as the text they came in and split only when someone asks: most messages pass through
 *  without anyone reading a field. One block lives as long as its parser and is filled again for every message. */
export class HeaderBlock {
	/** The text that positions refer to. */
	#text = "";
	#start = 0;
	#end = 0;
	/** Four numbers a field: name start, name end, value start, value end. The first is `~start` when the field stays out of
	 *  {@link list} and {@link passText}. */
	readonly #positions: number[] = [];
	#count = 0;
	#droppedCount = 0;
	#list: HeaderList | undefined;
	/** The lines of the last complete {@link scan}, the empty one included: what is known of them holds for the same lines again. Empty when
	 *  something but Server was taken out since. */
	#knownLines = "";
	/** The field that {@link dropServer} took out of them, -1 when it did not. */
	#droppedServer = -1;
	#passText = "";
	/** The number of dropped fields that {@link #passText} is for; -1 when it was not asked for. */
	#passTextDropped = -1;
	readonly #joinedNames: ReadonlySet<string>;
	/** Whether a tab stands before or behind some value. */
	#hasTabs = false;
	/** Values of fields that stand for several of their name, by the number of the field. */
	#joined: Map<number, string> | undefined;

	/** @param joinedNames lower-case names of which several fields become one */
	constructor(joinedNames: ReadonlySet<string>) {
		this.#joinedNames = joinedNames;
	}

	/** Value of Host, or undefined when there is none; several are joined by a comma. */
	host: string | undefined;
	contentLength: string | undefined;
	contentLengthCount = 0;
	/** Values of Transfer-Encoding joined by a comma. */
	transferEncoding: string | undefined;
	/** Values of Connection joined by a comma. */
	connection: string | undefined;
	upgrade: string | undefined;
	expect: string | undefined;
	te: string | undefined;
	hasKeepAlive = false;
	hasUnderscore = false;
	hasDate = false;
	hasTraceParent = false;
	/** Whether Content-Type is that of gRPC. */
	hasGrpcType = false;
	/** Index of the first Server field, -1 when there is none. */
	#server = -1;
	/** Whether some name is `referer` or may be one of `x-envoy-…`, `x-forwarded-…` and `x-request-id`: what a proxy has to judge. */
	hasExtension = false;

	/** Bytes of the header lines. */
	get size(): number {
		return this.#end - this.#start;
	}

	/** Number of header lines, dropped ones included. */
	get count(): number {
		return this.#count;
	}

	/** Takes the header lines of `text` from `start` to the empty line. `irregular` means bare line feeds, folded lines or stray
	 *  carriage returns: see {@link straightenLines}.
	 *  @returns the outcome; after `complete`, {@link end} is behind the empty line */
	scan(text: string, start: number, maxCount: number): ScanOutcome {
		const known = this.#knownLines;
		if (known !== "" && text.slice(start, start + known.length) === known) {
			this.#takeAgain(start);
			return "complete";
		}
		this.clear();
		this.#text = text;
		this.#start = start;
		const positions = this.#positions;
		const length = text.length;
		let at = start;
		let used = 0;
		let seen = 0;
		let mayRepeat = false;
		for (;;) {
			if (at >= length) return "incomplete";
			let code = text.charCodeAt(at);
			if (code === 13) {
				if (at + 1 >= length) return "incomplete";
				if (text.charCodeAt(at + 1) !== 10) return "irregular";
				this.#end = at;
				this.#count = used >> 2;
				this.end = at + 2;
				if (mayRepeat) this.#joinRepeated();
				this.#knownLines = text.slice(start, this.end);
				return "complete";
			}
			if (code === 10) return "irregular";
			if (code === 32 || code === 9) return used === 0 ? "malformed" : "irregular";
			if (used >> 2 >= maxCount) return "too-many-headers";
			const nameStart = at;
			while ((characterClass[code]! & tokenBit) !== 0) {
				if (code === 95) this.hasUnderscore = true;
				at++;
				if (at >= length) return "incomplete";
				code = text.charCodeAt(at);
			}
			if (code !== 58) {
				if (code === 32 || code === 9 || code === 13 || code === 10) return "malformed";
				return "invalid-characters";
			}
			if (at === nameStart) return "malformed";
			const nameEnd = at++;
			while (at < length && isBlank(text.charCodeAt(at))) if (text.charCodeAt(at++) === 9) this.#hasTabs = true;
			const valueStart = at;
			while (at < length && (characterClass[text.charCodeAt(at)]! & valueBit) !== 0) at++;
			if (at >= length) return "incomplete";
			code = text.charCodeAt(at);
			if (code !== 13) return code === 10 ? "irregular" : "invalid-characters";
			let valueEnd = at;
			while (valueEnd > valueStart && isBlank(text.charCodeAt(valueEnd - 1))) {
				if (text.charCodeAt(--valueEnd) === 9) this.#hasTabs = true;
			}
			if (at + 1 >= length) return "incomplete";
			if (text.charCodeAt(at + 1) !== 10) return "irregular";
			at += 2;
			positions[used] = nameStart;
			positions[used + 1] = nameEnd;
			positions[used + 2] = valueStart;
			positions[used + 3] = valueEnd;
			this.#note(used >> 2, nameStart, nameEnd, valueStart, valueEnd);
			used += 4;
			const shape = ((nameEnd - nameStart) << 5) | (text.charCodeAt(nameStart) & 31);
			if (shape < joinedShapes.length && joinedShapes[shape] !== 0) {
				if ((seen & joinedShapes[shape]!) !== 0) mayRepeat = true;
				seen |= joinedShapes[shape]!;
			}
		}
	}

	/** Position behind the empty line after a complete {@link scan}. */
	end = 0;

	/** The same lines once more: all is as it was behind the scan. */
	#takeAgain(start: number): void {
		this.end = start + this.#knownLines.length;
		this.#list = undefined;
		const server = this.#droppedServer;
		if (server === -1) return;
		this.#droppedServer = -1;
		this.#server = server;
		this.#positions[server * 4] = ~this.#positions[server * 4]!;
		this.#droppedCount--;
	}

	/** What follows is not the same for the same lines again. */
	#forgetKnown(): void {
		this.#knownLines = "";
		this.#passTextDropped = -1;
	}

	/** Forgets everything. */
	clear(): void {
		this.#text = this.#knownLines = "";
		this.#droppedServer = this.#passTextDropped = -1;
		this.#start = this.#end = this.end = this.#count = 0;
		this.#droppedCount = 0;
		this.#list = this.#joined = undefined;
		this.host = this.contentLength = this.transferEncoding = this.connection = undefined;
		this.upgrade = this.expect = this.te = undefined;
		this.contentLengthCount = 0;
		this.hasKeepAlive =
			this.hasUnderscore =
			this.hasExtension =
			this.hasDate =
			this.hasTraceParent =
			this.hasGrpcType =
				false;
		this.#hasTabs = false;
		this.#server = -1;
	}

	/** The fields without hop-by-hop ones and without Host, names in lower case. Made on first use, then always the same list. */
	get list(): HeaderList {
		this.#list ??= this.#split();
		return this.#list;
	}

	/** The lines of {@link list} as they came, each with its line end; written anew when a tab stands around a value: not everybody takes it for white
	 *  space, and a length of a tab and digits is none to nginx. */
	get passText(): string {
		if (this.#joined !== undefined || this.#hasTabs) return formatFields(this.list, 0);
		if (this.#passTextDropped !== this.#droppedCount) {
			this.#passText = this.#formatPassText();
			this.#passTextDropped = this.#droppedCount;
		}
		return this.#passText;
	}

	#formatPassText(): string {
		const text = this.#text;
		if (this.#droppedCount === 0) return text.slice(this.#start, this.#end);
		const positions = this.#positions;
		let result = "";
		let from = this.#start;
		for (let field = 0; field < this.#count; field++) {
			const lineStart = ~positions[field * 4]!;
			if (lineStart < 0) continue;
			if (lineStart > from) result += text.slice(from, lineStart);
			from = field + 1 < this.#count ? this.#lineStart(field + 1) : this.#end;
		}
		return from < this.#end ? result + text.slice(from, this.#end) : result;
	}

	/** Takes the fields named in `names` (lower case) out of {@link list} and {@link passText}; before either was asked for. */
	drop(names: readonly string[]): void {
		this.#forgetKnown();
		for (let field = 0; field < this.#count; field++) {
			if (names.includes(this.#nameOf(field).toLowerCase())) this.#dropField(field);
		}
	}

	/** Whether there is a Server field. */
	get hasServer(): boolean {
		return this.#server !== -1;
	}

	/** Takes Server out; before {@link list} or {@link passText} was asked for. */
	dropServer(): void {
		const field = this.#server;
		if (field === -1) return;
		this.#server = -1;
		this.#droppedServer = field;
		this.#dropField(field);
	}

	/** Takes out the fields whose name has an underscore.
	 *  @returns how many there were */
	dropUnderscores(): number {
		const before = this.#droppedCount;
		this.#forgetKnown();
		for (let field = 0; field < this.#count; field++) if (this.#nameOf(field).includes("_")) this.#dropField(field);
		return this.#droppedCount - before;
	}

	/** Number and bytes of the fields as they came, names and values alone; several of a name that are joined are one. */
	measure(): { readonly count: number; readonly bytes: number } {
		const seen = new Set<string>();
		let bytes = 0;
		for (let field = 0; field < this.#count; field++) {
			const name = this.#nameOf(field).toLowerCase();
			const isNext = seen.has(name) && this.#joinedNames.has(name);
			bytes += (isNext ? 1 : name.length) + this.#valueOf(field).length;
			seen.add(isNext || !seen.has(name) ? name : `${name} ${field}`);
		}
		return { count: seen.size, bytes };
	}

	/** The fields of trailers: nothing is dropped from them. */
	splitAll(): HeaderList {
		this.#forgetKnown();
		for (let field = 0; field < this.#count; field++) this.#positions[field * 4] = this.#lineStart(field);
		this.#droppedCount = 0;
		return this.#split();
	}

	#split(): HeaderList {
		const list: HeaderList = [];
		for (let field = 0; field < this.#count; field++) {
			const at = field * 4;
			if (this.#positions[at]! < 0) continue;
			list.push(
				this.#text.slice(this.#positions[at], this.#positions[at + 1]).toLowerCase(),
				this.#joined?.get(field) ?? this.#valueOf(field),
			);
		}
		return list;
	}

	/** Makes several fields of a name in {@link #joinedNames} the first of them. */
	#joinRepeated(): void {
		const first = new Map<string, number>();
		for (let field = 0; field < this.#count; field++) {
			if (this.#positions[field * 4]! < 0) continue;
			const name = this.#nameOf(field).toLowerCase();
			if (!this.#joinedNames.has(name)) continue;
			const before = first.get(name);
			if (before === undefined) {
				first.set(name, field);
				continue;
			}
			this.#joined ??= new Map();
			this.#joined.set(before, join(this.#joined.get(before) ?? this.#valueOf(before), this.#valueOf(field)));
			this.#dropField(field);
		}
	}

	#valueOf(field: number): string {
		return this.#text.slice(this.#positions[field * 4 + 2], this.#positions[field * 4 + 3]);
	}

	#dropField(field: number): void {
		const at = field * 4;
		if (this.#positions[at]! < 0) return;
		this.#positions[at] = ~this.#positions[at]!;
		this.#droppedCount++;
	}

	#lineStart(field: number): number {
		const start = this.#positions[field * 4]!;
		return start < 0 ? ~start : start;
	}

	#nameOf(field: number): string {
		return this.#text.slice(this.#lineStart(field), this.#positions[field * 4 + 1]);
	}

	/** Remembers what framing needs. Only names whose length and first letter fit are compared. */
	#note(field: number, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
		const first = this.#text.charCodeAt(nameStart) | 0x20;
		switch (nameEnd - nameStart) {
			case 2:
				if (first === 116 && this.#is(nameStart, nameEnd, "te")) {
					this.te = join(this.te, this.#text.slice(valueStart, valueEnd));
					this.#dropField(field);
					return;
				}
				break;
			case 4:
				if (first === 104 && this.#is(nameStart, nameEnd, "host")) {
					this.host = join(this.host, this.#text.slice(valueStart, valueEnd));
					this.#dropField(field);
					return;
				}
				if (first === 100 && this.#is(nameStart, nameEnd, "date")) {
					this.hasDate = true;
					return;
				}
				break;
			case 6:
				if (first === 115 && this.#is(nameStart, nameEnd, "server")) {
					if (this.#server === -1) this.#server = field;
					return;
				}
				if (first === 101 && this.#is(nameStart, nameEnd, "expect")) {
					this.expect = join(this.expect, this.#text.slice(valueStart, valueEnd));
					return;
				}
				break;
			case 7:
				if (first === 117 && this.#is(nameStart, nameEnd, "upgrade")) {
					this.upgrade = join(this.upgrade, this.#text.slice(valueStart, valueEnd));
					this.#dropField(field);
					return;
				}
				if (first === 114 && this.#is(nameStart, nameEnd, "referer")) this.hasExtension = true;
				break;
			case 10:
				if (first === 99 && this.#is(nameStart, nameEnd, "connection")) {
					this.connection = join(this.connection, this.#text.slice(valueStart, valueEnd));
					this.#dropField(field);
					return;
				}
				if (first === 107 && this.#is(nameStart, nameEnd, "keep-alive")) {
					this.hasKeepAlive = true;
					this.#dropField(field);
					return;
				}
				break;
			case 11:
				if (first === 116 && this.#is(nameStart, nameEnd, "traceparent")) this.hasTraceParent = true;
				break;
			case 12:
				if (
					first === 99 &&
					this.#text.startsWith(grpcType, valueStart) &&
					this.#is(nameStart, nameEnd, "content-type") &&
					isGrpcType(this.#text.slice(valueStart, valueEnd))
				) {
					this.hasGrpcType = true;
				}
				break;
			case 14:
				if (first === 99 && this.#is(nameStart, nameEnd, "content-length")) {
					this.contentLength = this.#text.slice(valueStart, valueEnd);
					this.contentLengthCount++;
					return;
				}
				break;
			case 16:
				if (first === 112 && this.#is(nameStart, nameEnd, "proxy-connection")) {
					this.#dropField(field);
					return;
				}
				break;
			case 17:
				if (first === 116 && this.#is(nameStart, nameEnd, "transfer-encoding")) {
					this.transferEncoding = join(this.transferEncoding, this.#text.slice(valueStart, valueEnd));
					this.#dropField(field);
					return;
				}
				break;
		}
		if (
			first === 120 &&
			this.#text.charCodeAt(nameStart + 1) === 45 &&
			isJudged(this.#text.charCodeAt(nameStart + 2))
		) {
			this.hasExtension = true;
		}
	}

	#is(start: number, end: number, name: string): boolean {
		const text = this.#text;
		for (let index = start; index < end; index++) {
			const code = text.charCodeAt(index);
			if ((code >= 65 && code <= 90 ? code | 0x20 : code) !== name.charCodeAt(index - start)) return false;
		}
		return true;
	}
}

/** By length and first letter of a name: a bit that is set when some name like that may stand in a message once only; 0 when there
 *  is none. Names can share a bit: who finds one set twice must compare. */
const joinedShapes = buildJoinedShapes();

function buildJoinedShapes(): Int32Array {
	const shapes = new Set(
		[...requestJoinedHeaders, ...responseJoinedHeaders].map((name) => (name.length << 5) | (name.charCodeAt(0) & 31)),
	);
	const table = new Int32Array(Math.max(...shapes) + 1);
	let bit = 0;
	for (const shape of shapes) table[shape] = 1 << (bit++ & 31);
	return table;
}

const grpcType = "application/grpc";

/** Whether a Content-Type is that of gRPC. */
export function isGrpcType(value: string): boolean {
	return value.startsWith(grpcType) && (value.length === grpcType.length || value.charCodeAt(grpcType.length) === 43);
}

/** Whether the letter behind `x-` is that of a name that a proxy has to judge: e, f or r. */
function isJudged(letter: number): boolean {
	const lower = letter | 0x20;
	return lower === 101 || lower === 102 || lower === 114;
}

function isBlank(code: number): boolean {
	return code === 32 || code === 9;
}

function join(before: string | undefined, value: string): string {
	return before === undefined ? value : `${before},${value}`;
}

/** The same lines, each ended by CRLF, folded ones joined by one space and stray carriage returns gone, as Envoy reads them: what is
 *  forwarded is unambiguous, whatever came. `text` ends with its empty line; `isHead` says that a first line stands before the fields.
 *  @returns undefined where a carriage return stands in the first line, in a name, or within a value that frames the message */
export function straightenLines(text: string, isHead: boolean): string | undefined {
	const result: string[] = [];
	for (const ended of text.split("\n")) {
		const line = ended.replace(/\r+$/, "");
		const isFolded = result.length > 1 && (line.startsWith(" ") || line.startsWith("\t")) && line.trim() !== "";
		if (!isFolded && line.includes("\r") && ((isHead && result.length === 0) || !mayHaveReturn(line))) return undefined;
		const straight = line.replaceAll("\r", "");
		if (isFolded) result[result.length - 1] = `${result[result.length - 1]!.trimEnd()} ${straight.trimStart()}`;
		else result.push(straight);
	}
	return result.join("\r\n");
}

const framingNames: ReadonlySet<string> = new Set(["content-length", "transfer-encoding"]);

/** Whether the carriage returns of a field line are where they change nothing. */
function mayHaveReturn(line: string): boolean {
	const colon = line.indexOf(":");
	if (colon === -1 || line.indexOf("\r") < colon) return false;
	return (
		!framingNames.has(line.slice(0, colon).toLowerCase()) ||
		!line
			.slice(colon + 1)
			.trimStart()
			.includes("\r")
	);
}
