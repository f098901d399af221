/** Protobuf's text format to JSON values, as the JSON mapping has them; the message is read from these. */

/** A field's value: scalars as text, messages as objects, repeated fields as lists. */
type TextValue = string | number | boolean | TextMessage;
interface TextMessage {
	[field: string]: TextValue | TextValue[];
}

/** How a field is written, which text alone does not say. */
export interface FieldShape {
	readonly kind: "message" | "scalar" | "bytes" | "map" | "any" | "duration" | "wrapper" | "struct" | "enum";
	readonly isList: boolean;
	/** The fields of a message; of a map: `key` and `value`. */
	field(name: string): FieldShape | undefined;
	/** The shape of an extension, by its type URL. */
	extension(typeUrl: string): FieldShape | undefined;
}

const tokenPattern =
	/\s+|#[^\n]*|(?<word>[A-Za-z_][A-Za-z0-9_]*)|(?<number>-?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)f?)|(?<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?<mark>[{}<>[\]:;,./-])/y;

interface Token {
	readonly kind: "word" | "number" | "text" | "mark";
	readonly text: string;
	readonly line: number;
}

/** Parses a text; throws an Error that names the line. */
export function parseTextProto(text: string, shape: FieldShape): unknown {
	const tokens = tokenize(text);
	let at = 0;
	const peek = (): Token | undefined => tokens[at];
	const isMark = (mark: string): boolean => tokens[at]?.kind === "mark" && tokens[at]!.text === mark;
	const take = (mark: string): boolean => {
		if (!isMark(mark)) return false;
		at++;
		return true;
	};
	const fail = (problem: string): never => {
		throw new Error(`line ${peek()?.line ?? tokens.at(-1)?.line ?? 1}: ${problem}`);
	};
	const expect = (mark: string): void => void (take(mark) || fail(`'${mark}' expected`));

	function readMessage(own: FieldShape, end: string | undefined): TextMessage {
		const message: TextMessage = {};
		while (end === undefined ? at < tokens.length : !isMark(end)) {
			if (at >= tokens.length) fail(`'${end}' expected`);
			if (take("[")) readExtension(message, own);
			else readField(message, own);
			if (!take(",")) take(";");
		}
		if (end !== undefined) expect(end);
		return message;
	}

	/** `[type.googleapis.com/name] { … }`: the content of an Any. */
	function readExtension(message: TextMessage, own: FieldShape): void {
		let url = "";
		while (!isMark("]")) url += tokens[at++]?.text ?? fail("']' expected");
		expect("]");
		take(":");
		const shape = own.extension(url) ?? fail(`type ${url} is not known`);
		Object.assign(message, { "@type": url }, readBlock(shape));
	}

	function readField(message: TextMessage, own: FieldShape): void {
		const token = tokens[at++];
		if (token?.kind !== "word") return void fail("a field name is expected");
		const field = own.field(token.text) ?? fail(`field ${token.text} is not known`);
		const hasColon = take(":");
		if (take("[")) {
			while (!take("]")) {
				add(message, token.text, field, readValue(field));
				take(",");
			}
			return;
		}
		if (!hasColon && !isMark("{") && !isMark("<")) fail("':' expected");
		add(message, token.text, field, readValue(field));
	}

	function add(message: TextMessage, name: string, field: FieldShape, value: TextValue): void {
		if (field.kind === "map") {
			const entry = value as TextMessage;
			message[name] = { ...(message[name] as TextMessage), [String(entry["key"])]: entry["value"] ?? {} };
		} else if (field.isList) {
			message[name] = [...((message[name] as TextValue[]) ?? []), value];
		} else message[name] = value;
	}

	function readBlock(field: FieldShape): TextMessage {
		if (take("{")) return readMessage(field, "}");
		expect("<");
		return readMessage(field, ">");
	}

	function readValue(field: FieldShape): TextValue {
		if (!isMark("{") && !isMark("<")) return readScalar(field);
		const block = readBlock(field);
		if (field.kind === "duration") return formatDuration(block);
		if (field.kind === "wrapper") return (block["value"] as TextValue) ?? 0;
		return block;
	}

	function readScalar(field: FieldShape): TextValue {
		const isNegative = take("-");
		const token = tokens[at++];
		if (token === undefined) return fail("a value is expected");
		if (token.kind === "word") {
			if (token.text === "true" || token.text === "false") return token.text === "true";
			return isNegative ? `-${token.text}` : token.text;
		}
		if (token.kind === "number") {
			const number = Number(token.text.replace(/f$/, ""));
			return isNegative ? -number : Number.isSafeInteger(number) || token.text.includes(".") ? number : token.text;
		}
		if (token.kind !== "text") return fail("a value is expected");
		let text = readQuoted(token.text);
		while (peek()?.kind === "text") text += readQuoted(tokens[at++]!.text);
		return field.kind === "bytes"
			? Buffer.from(text, "latin1").toString("base64")
			: Buffer.from(text, "latin1").toString();
	}

	return readMessage(shape, undefined);
}

function tokenize(text: string): Token[] {
	const tokens: Token[] = [];
	let line = 1;
	let at = 0;
	while (at < text.length) {
		tokenPattern.lastIndex = at;
		const match = tokenPattern.exec(text);
		if (match === null) throw new Error(`line ${line}: unexpected '${text[at]}'`);
		const kind = (["word", "number", "text", "mark"] as const).find((name) => match.groups?.[name] !== undefined);
		if (kind !== undefined) tokens.push({ kind, text: match[0], line });
		line += match[0].split("\n").length - 1;
		at = tokenPattern.lastIndex;
	}
	return tokens;
}

function formatDuration({ seconds = 0, nanos = 0 }: TextMessage): string {
	const fraction = String(nanos).padStart(9, "0").replace(/0+$/, "");
	return `${String(seconds)}${fraction === "" ? "" : `.${fraction}`}s`;
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", a: "\x07", b: "\b", f: "\f", v: "\v" };

/** To bytes, one a character. */
function readQuoted(quoted: string): string {
	const bytes = Buffer.from(quoted.slice(1, -1), "utf8").toString("latin1");
	return bytes.replace(/\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|.)/g, (_match, code: string) => {
		if (/^x./.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
		if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
		return escapes[code] ?? code;
	});
}
