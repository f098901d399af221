import { describeNode } from "../document/node.ts";
import { string } from "./scalars.ts";
import type { Schema } from "./schema.ts";

/** Bounds of a list. */
export interface ListBounds {
	/** 0 by default. */
	readonly min?: number;
	/** 1000 by default. */
	readonly max?: number;
	/** With it, an item that cannot be used is left out and the others stay, unless none is left; the text is added to the
	 *  item's problems. */
	readonly salvage?: string;
}

/** A list of values of one type. */
export function list<T>(items: Schema<T>, bounds: ListBounds = {}): Schema<readonly T[]> {
	const { min = 0, max = 1000, salvage } = bounds;
	return {
		description: { type: "list", items: items.description, minItems: min, maxItems: max },
		read(node, reader) {
			if (node.kind !== "list") {
				const fix = node.kind === "scalar" && node.value === null ? "" : ": start each item with '- '";
				return reader.refuse(`must be a list, not ${describeNode(node)}${fix}`);
			}
			if (node.items.length < min) return reader.refuse(`must have at least ${min} item${min === 1 ? "" : "s"}`);
			if (node.items.length > max) return reader.refuse(`has ${node.items.length} items, the limit is ${max}`);
			const values: T[] = [];
			for (const [index, item] of node.items.entries()) {
				const at = reader.item(index);
				const value = items.read(item, salvage === undefined ? at : at.noting(salvage));
				if (value !== undefined) values.push(value);
				else if (salvage !== undefined) at.leaveOut();
			}
			if (values.length === node.items.length) return values;
			return salvage !== undefined && values.length > 0 ? values : undefined;
		},
	};
}

/** A map from text to values of one type. */
export function map<T>(
	values: Schema<T>,
	keys: { readonly format: string; readonly pattern: RegExp },
): Schema<Readonly<Record<string, T>>> {
	const key = string(keys);
	return {
		description: { type: "map", keys: keys.format, values: values.description },
		read(node, reader) {
			if (node.kind !== "map") return reader.refuse(`must be a map, not ${describeNode(node)}`);
			const read: [string, T][] = [];
			for (const [name, entry] of node.entries) {
				const at = reader.field(name);
				const isKey = key.read({ kind: "scalar", value: name, offset: entry.keyOffset }, at) !== undefined;
				const value = values.read(entry.value, at);
				if (isKey && value !== undefined) read.push([name, value]);
			}
			return read.length === node.entries.size ? Object.fromEntries(read) : undefined;
		},
	};
}
