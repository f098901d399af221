import { suggestNearest } from "../../core/index.ts";
import { describeNode } from "../document/node.ts";
import type { Schema } from "./schema.ts";

/** Bounds of a text. */
export interface StringBounds {
	/** What the text is, for problems and documentation, e.g. `an HTTP header name`. */
	readonly format?: string;
	readonly pattern?: RegExp;
	/** 1 by default. */
	readonly minLength?: number;
	/** 4096 by default. */
	readonly maxLength?: number;
	/** Problems do not say what it is. */
	readonly isSecret?: boolean;
}

/** A text. Numbers and booleans are refused, as Kubernetes does, with the fix: quotes. */
export function string(bounds: StringBounds = {}): Schema<string> {
	const { format, isSecret = false, pattern, minLength = 1, maxLength = 4096 } = bounds;
	return {
		description: format === undefined ? { type: "string" } : { type: "string", format },
		read(node, reader) {
			if (node.kind !== "scalar" || typeof node.value !== "string") {
				const isBare = node.kind === "scalar" && node.value !== null;
				const fix = isBare ? `: put it in quotes${isSecret ? "" : `, "${String(node.value)}"`}` : "";
				return reader.refuse(`must be text, not ${describeNode(node)}${fix}`);
			}
			const { value } = node;
			if (value.length < minLength) return reader.refuse("must not be empty");
			if (value.length > maxLength) return reader.refuse(`has ${value.length} characters, the limit is ${maxLength}`);
			if (pattern !== undefined && !pattern.test(value))
				return reader.refuse(`${isSecret ? "this" : quote(value)} is not ${format ?? "well formed"}`);
			return value;
		},
	};
}

/** A whole number within bounds. */
export function integer(bounds: { readonly min: number; readonly max: number }): Schema<number> {
	return {
		description: { type: "integer", minimum: bounds.min, maximum: bounds.max },
		read(node, reader) {
			const range = `a whole number from ${bounds.min} to ${bounds.max}`;
			if (node.kind !== "scalar" || typeof node.value !== "number") {
				const isQuoted = node.kind === "scalar" && typeof node.value === "string" && /^-?\d+$/.test(node.value);
				const fix = isQuoted ? ": remove the quotes" : "";
				return reader.refuse(`must be ${range}, not ${describeNode(node)}${fix}`);
			}
			if (!Number.isInteger(node.value) || node.value < bounds.min || node.value > bounds.max)
				return reader.refuse(`must be ${range}, not ${node.value}`);
			return node.value;
		},
	};
}

/** A number within bounds, fractions allowed. */
export function number(bounds: { readonly min: number; readonly max: number }): Schema<number> {
	return {
		description: { type: "number", minimum: bounds.min, maximum: bounds.max },
		read(node, reader) {
			const value = node.kind === "scalar" ? node.value : undefined;
			if (typeof value === "number" && value >= bounds.min && value <= bounds.max) return value;
			const found = typeof value === "number" ? String(value) : describeNode(node);
			return reader.refuse(`must be a number from ${bounds.min} to ${bounds.max}, not ${found}`);
		},
	};
}

/** `true` or `false`. */
export function boolean(): Schema<boolean> {
	return {
		description: { type: "boolean" },
		read(node, reader) {
			if (node.kind === "scalar" && typeof node.value === "boolean") return node.value;
			return reader.refuse(`must be true or false, not ${describeNode(node)}`);
		},
	};
}

/** One of some words. `refused` are words of the specification that are not supported, each with the reason. */
export function oneOf<const T extends string>(
	values: readonly T[],
	refused: Readonly<Record<string, string>> = {},
): Schema<T> {
	return {
		description: { type: "string", values },
		read(node, reader) {
			const value = node.kind === "scalar" ? node.value : undefined;
			if (typeof value !== "string") return reader.refuse(`must be ${listWords(values)}, not ${describeNode(node)}`);
			const known = values.find((candidate) => candidate === value);
			if (known !== undefined) return known;
			if (Object.hasOwn(refused, value)) return reader.refuse(`${quote(value)} is not supported: ${refused[value]}`);
			return reader.refuse(`must be ${listWords(values)}, not ${quote(value)}${suggestNearest(value, values)}`);
		},
	};
}

/** Any value, unread. */
export function anything(): Schema<unknown> {
	return { description: { type: "any" }, read: (node) => node };
}

/** `a, b or c`. */
export function listWords(words: readonly string[]): string {
	return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** A value of the user in a sentence: quoted, cut to 64 characters. */
export function quote(value: string): string {
	return `'${value.length > 64 ? `${value.slice(0, 64)}…` : value}'`;
}
