import type { JsonValue } from "../matcher/metadata.ts";
import { emptyFormatEnvironment, type FormatEnvironment, type Formatter, type Operator } from "./formatter.ts";
import { createOperator } from "./operators.ts";
import type { StreamInfo } from "./stream-info.ts";

/** How a format is compiled. */
export interface FormatOptions {
	/** What an unknown value comes out as; `-` by default. */
	readonly missing?: "-" | "";
	readonly environment?: FormatEnvironment;
}

/** A compiled format, or what is wrong with it. */
export type CompiledFormat<T = Formatter> =
	| { readonly ok: true; readonly value: T }
	| { readonly ok: false; readonly problem: string };

/** A JSON format: texts with operators in any nesting. */
export type JsonFormat =
	| string
	| number
	| boolean
	| null
	| readonly JsonFormat[]
	| { readonly [key: string]: JsonFormat };

const command = /%([A-Z0-9_]+)(?:\((.*?)\))?(?::(\d+))?%/y;

/** Compiles a text format such as `%REQ(:METHOD)% %RESPONSE_CODE%`; `%%` is a percent sign. */
export function compileTextFormat(format: string, options: FormatOptions = {}): CompiledFormat {
	const parts = parseFormat(format, options.environment ?? emptyFormatEnvironment);
	if (!parts.ok) return parts;
	return { ok: true, value: createTextFormatter(parts.value, options.missing ?? "-") };
}

/** Compiles a JSON format to one object a stream, keys sorted, without a line end. A text that is one operator keeps its type. */
export function compileJsonFormat(format: JsonFormat, options: FormatOptions = {}): CompiledFormat {
	const omitEmpty = options.missing === "";
	const compiled = compileJsonNode(format, options.environment ?? emptyFormatEnvironment, omitEmpty, false);
	if (!compiled.ok) return compiled;
	const node = compiled.value;
	return { ok: true, value: { literal: undefined, format: (stream) => JSON.stringify(node(stream) ?? null) } };
}

type JsonNode = (stream: StreamInfo) => JsonValue | undefined;

function compileJsonNode(
	format: JsonFormat,
	environment: FormatEnvironment,
	omitEmpty: boolean,
	isInner = true,
): CompiledFormat<JsonNode> {
	if (typeof format === "string") return compileJsonText(format, environment, omitEmpty);
	if (format === null || typeof format !== "object") return { ok: true, value: () => format };
	if (Array.isArray(format)) {
		const nodes: JsonNode[] = [];
		for (const element of format as readonly JsonFormat[]) {
			const node = compileJsonNode(element, environment, omitEmpty);
			if (!node.ok) return node;
			nodes.push(node.value);
		}
		return {
			ok: true,
			value(stream) {
				const values = nodes.map((node) => node(stream) ?? null);
				return omitEmpty ? values.filter((value) => value !== null) : values;
			},
		};
	}
	const fields: [string, JsonNode][] = [];
	for (const [key, value] of Object.entries(format).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
		const node = compileJsonNode(value as JsonFormat, environment, omitEmpty);
		if (!node.ok) return node;
		fields.push([key, node.value]);
	}
	return {
		ok: true,
		value: (stream) => {
			const object: Record<string, JsonValue> = {};
			for (const [key, node] of fields) {
				const value = node(stream) ?? null;
				if (value !== null || !omitEmpty) object[key] = value;
			}
			// An object of nothing is itself nothing, other than the whole entry.
			return omitEmpty && isInner && Object.keys(object).length === 0 ? undefined : object;
		},
	};
}

function compileJsonText(format: string, environment: FormatEnvironment, omitEmpty: boolean): CompiledFormat<JsonNode> {
	const parts = parseFormat(format, environment);
	if (!parts.ok) return parts;
	const only = parts.value[0];
	if (parts.value.length === 1 && only !== undefined && typeof only !== "string") {
		return { ok: true, value: (stream) => only.json(stream) };
	}
	const formatter = createTextFormatter(parts.value, omitEmpty ? "" : "-");
	return { ok: true, value: (stream) => formatter.format(stream) };
}

function createTextFormatter(parts: readonly (string | Operator)[], missing: string): Formatter {
	if (parts.every((part) => typeof part === "string")) {
		const text = parts.join("");
		return { literal: text, format: () => text };
	}
	return {
		literal: undefined,
		format(stream) {
			let text = "";
			for (let index = 0; index < parts.length; index++) {
				const part = parts[index]!;
				text += typeof part === "string" ? part : (part.text(stream) ?? missing);
			}
			return text;
		},
	};
}

function parseFormat(format: string, environment: FormatEnvironment): CompiledFormat<(string | Operator)[]> {
	const parts: (string | Operator)[] = [];
	let literal = "";
	for (let at = 0; at < format.length; ) {
		if (format[at] !== "%") {
			const next = format.indexOf("%", at);
			literal += format.slice(at, next === -1 ? undefined : next);
			at = next === -1 ? format.length : next;
			continue;
		}
		if (format[at + 1] === "%") {
			literal += "%";
			at += 2;
			continue;
		}
		command.lastIndex = at;
		const match = command.exec(format);
		if (match === null) {
			return { ok: false, problem: `incorrect format '${format}': no valid command at position ${at}` };
		}
		const maxLength = match[3] === undefined ? undefined : Number(match[3]);
		const operator = createOperator(match[1]!, match[2], maxLength, environment);
		if (!operator.ok) return operator;
		if (literal !== "") parts.push(literal);
		literal = "";
		parts.push(operator.value);
		at = command.lastIndex;
	}
	if (literal !== "") parts.push(literal);
	return { ok: true, value: parts };
}
