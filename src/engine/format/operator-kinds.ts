import { isUtf8 } from "node:buffer";
import type { JsonValue } from "../matcher/metadata.ts";
import type { CompiledFormat } from "./compile-format.ts";
import type { Operator } from "./formatter.ts";
import type { StreamInfo } from "./stream-info.ts";

/** Reads a value of a stream; undefined while it is unknown. */
export type Read<T> = (stream: StreamInfo) => T | undefined;

/** An operator of texts, cut to a length. */
export function text(read: Read<string>, maxLength: number | undefined): Operator {
	if (maxLength === undefined) return { text: read, json: read };
	const cut: Read<string> = (stream) => read(stream)?.slice(0, maxLength);
	return { text: cut, json: cut };
}

/** An operator of numbers. */
export function numeric(read: Read<number>): Operator {
	return { text: (stream) => read(stream)?.toString(), json: read };
}

/** An operator of anything JSON has. */
export function jsonOperator(read: Read<JsonValue>, maxLength: number | undefined): Operator {
	const format: Read<string> = (stream) => {
		const value = read(stream);
		if (value === undefined) return undefined;
		return asBytes(typeof value === "string" ? value : JSON.stringify(value, sortKeys)).slice(0, maxLength);
	};
	return { text: format, json: read };
}

/** A text as header lists and logs have it, one character a byte of its UTF-8. One that came out of a header is that already. */
function asBytes(text: string): string {
	if (/^[\0-\x7f]*$/.test(text)) return text;
	if (!/[^\0-\xff]/.test(text) && isUtf8(Buffer.from(text, "latin1"))) return text;
	return Buffer.from(text, "utf8").toString("latin1");
}

/** An operator that compiled. */
export function ok(operator: Operator): CompiledFormat<Operator> {
	return { ok: true, value: operator };
}

/** What is wrong with an operator. */
export function wrong(problem: string): { readonly ok: false; readonly problem: string } {
	return { ok: false, problem };
}

/** Objects of metadata are maps without an order; their keys are printed sorted, as Envoy does. */
function sortKeys(_key: string, value: unknown): unknown {
	if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
	const keys = Object.keys(value);
	if (keys.length < 2) return value;
	return Object.fromEntries(keys.sort().map((key) => [key, (value as Record<string, unknown>)[key]]));
}
