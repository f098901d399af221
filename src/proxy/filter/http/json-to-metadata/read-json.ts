import type { JsonValue } from "../../../../engine/matcher/index.ts";
import type { JsonEntryRule } from "../../../runtime-config/index.ts";

/** A number that the text writes with a fraction or an exponent. */
class Fraction {
	readonly value: number;

	constructor(value: number) {
		this.value = value;
	}
}

type Json = null | boolean | number | string | Fraction | readonly Json[] | { readonly [key: string]: Json };

const maxValueLength = 8 * 1024;

/** A body as JSON, which remembers how numbers were written; undefined when it is none. */
export function parseBody(body: Buffer): { readonly root: Json } | undefined {
	try {
		const root = JSON.parse(body.toString("utf8"), (_key, value: unknown, context?: { source?: string }) =>
			typeof value === "number" && /[.eE]/.test(context?.source ?? "") ? new Fraction(value) : value,
		) as Json;
		return { root };
	} catch {
		// What a client or a server sent is no JSON, which a rule may have been made for.
		return undefined;
	}
}

/** Whether there is something that could hold the last key of a path. */
export function findHolder(root: Json, path: readonly string[]): true | "missing" {
	const holder = follow(root, path.slice(0, -1));
	const isObject = typeof holder === "object" && holder !== null && !(holder instanceof Fraction);
	return isObject ? true : "missing";
}

function follow(root: Json, path: readonly string[]): Json | undefined {
	let value: Json | undefined = root;
	for (const key of path) {
		if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Fraction)
			return undefined;
		const fields = value as { readonly [key: string]: Json };
		value = Object.hasOwn(fields, key) ? fields[key] : undefined;
	}
	return value;
}

/** What is behind a path of keys as a rule wants it; `missing` when there is nothing, or nothing of that type; `none` for an empty text,
 *  which is not written. */
export function readPath(
	root: Json,
	path: readonly string[],
	type: JsonEntryRule["type"],
): JsonValue | "missing" | "none" {
	const value = follow(root, path);
	if (value === undefined || value === null) return "missing";
	if (value instanceof Fraction) return toType(value.value, value.value.toFixed(6), type);
	return typeof value === "object"
		? "missing"
		: toType(value, typeof value === "boolean" ? String(Number(value)) : String(value), type);
}

function toType(
	value: boolean | number | string,
	text: string,
	type: JsonEntryRule["type"],
): JsonValue | "missing" | "none" {
	switch (type) {
		case "value":
			return typeof value === "string" && value.length > maxValueLength ? "missing" : value;
		case "number": {
			const number = typeof value === "string" && value.trim() === "" ? Number.NaN : Number(value);
			return Number.isNaN(number) ? "missing" : number;
		}
		case "string":
			if (text.length > maxValueLength) return "missing";
			return text === "" ? "none" : text;
	}
}
