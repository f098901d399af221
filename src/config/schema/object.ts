import { suggestNearest } from "../../core/index.ts";
import { describeNode, type MapEntry, type MapNode } from "../document/node.ts";
import { anything } from "./scalars.ts";
import type { FieldDescription, Reader, Schema } from "./schema.ts";

/** One field of an object: its type, whether it must be there, and its documentation. */
export interface Field<T> {
	readonly schema: Schema<unknown>;
	readonly support: "required" | "optional" | "ignored" | "refused";
	readonly doc: string;
	/** The value when the field is absent. */
	readonly fallback: T | undefined;
	readonly shownDefault?: string;
	/** Said when an ignored field is set; nothing is said without it. */
	readonly warning?: string;
	/** What to write, said when a required field is absent. */
	readonly fix?: string;
	/** Without a value it is as if it were absent. */
	readonly mayBeEmpty?: true;
}

type Fields = Readonly<Record<string, Field<unknown>>>;

/** What an object with these fields reads to. */
export type ObjectOf<F extends Fields> = { readonly [Name in keyof F]: F[Name] extends Field<infer T> ? T : never };

/** A field that must be there. With `fix`, its absence is answered with what to write. */
export function required<T>(schema: Schema<T>, doc: string, fix?: string): Field<T> {
	const field = { schema, support: "required", doc, fallback: undefined } as const;
	return fix === undefined ? field : { ...field, fix };
}

/** A field that may be absent. */
export function optional<T>(schema: Schema<T>, doc: string): Field<T | undefined> {
	return { schema, support: "optional", doc, fallback: undefined };
}

/** A field that templates leave without a value: it is absent then, as for Kubernetes. */
export function emptiable<T>(field: Field<T>): Field<T> {
	return { ...field, mayBeEmpty: true };
}

/** A field with a default. `shownDefault` is how documents write it. */
export function defaulted<T, D extends T>(
	schema: Schema<T>,
	fallback: D,
	doc: string,
	shownDefault = JSON.stringify(fallback),
): Field<T> {
	return { schema, support: "optional", doc, fallback, shownDefault };
}

/** A field that other systems write or use: accepted unread, without effect. With `warning`, its use is mentioned. */
export function ignored(doc: string, warning?: string): Field<undefined> {
	const field = { schema: anything(), support: "ignored", doc, fallback: undefined } as const;
	return warning === undefined ? field : { ...field, warning };
}

/** A field of the specification that is not supported and would change behaviour: a problem when set.
 *  @param reason what to do instead, or why not */
export function refused(reason: string): Field<undefined> {
	return { schema: anything(), support: "refused", doc: reason, fallback: undefined };
}

/** An object with these fields and no other; an unknown field is a problem that suggests the nearest known one. */
export function object<F extends Fields>(fields: F): Schema<ObjectOf<F>> {
	const names = Object.keys(fields);
	return {
		description: { type: "object", fields: names.map((name) => describeField(name, fields[name]!)) },
		read(node, reader) {
			if (node.kind !== "map") return reader.refuse(`must be a map, not ${describeNode(node)}`);
			let isWhole = refuseUnknown(node, reader, names);
			const values: Record<string, unknown> = {};
			for (const name of names) {
				const field = fields[name]!;
				const entry = node.entries.get(name);
				const value = readField(field, entry, reader.field(name));
				if (value === invalid) isWhole = false;
				else values[name] = value;
			}
			return isWhole ? (values as ObjectOf<F>) : undefined;
		},
	};
}

/** An object of which only these fields are read: for objects of Kubernetes, whose other fields are not the mesh's business. */
export function openObject<F extends Fields>(fields: F): Schema<ObjectOf<F>> {
	const closed = object(fields);
	return {
		description: closed.description,
		read(node, reader) {
			if (node.kind !== "map") return closed.read(node, reader);
			const known = [...node.entries].filter(([name]) => Object.hasOwn(fields, name));
			return closed.read({ ...node, entries: new Map(known) }, reader);
		},
	};
}

const invalid = Symbol("invalid");

function refuseUnknown(node: MapNode, reader: Reader, names: readonly string[]): boolean {
	let unknown = 0;
	for (const name of node.entries.keys()) {
		if (names.includes(name)) continue;
		if (++unknown > maxUnknown) break;
		const missing = names.filter((candidate) => !node.entries.has(candidate));
		const hint = suggestNearest(name, missing) || `: known here are ${names.join(", ")}`;
		reader.field(name).refuse(`unknown field${hint}`);
	}
	return unknown === 0;
}

/** Unknown fields told of one object; more help nobody. */
const maxUnknown = 50;

function readField(field: Field<unknown>, entry: MapEntry | undefined, at: Reader): unknown {
	if (entry === undefined) {
		if (field.support !== "required") return field.fallback;
		at.refuse(field.fix === undefined ? "is required" : `is required: ${field.fix}`);
		return invalid;
	}
	if (field.support === "ignored") {
		if (field.warning !== undefined) at.warn(field.warning);
		return undefined;
	}
	if (field.support === "refused") {
		at.refuse(`is not supported: ${field.doc}`);
		return invalid;
	}
	if (entry.value.kind === "scalar" && entry.value.value === null) {
		if (field.mayBeEmpty === true) return field.fallback;
		at.refuse("has no value: give it one or remove the field");
		return invalid;
	}
	const value = field.schema.read(entry.value, at);
	return value === undefined ? invalid : value;
}

function describeField(name: string, field: Field<unknown>): FieldDescription {
	const { doc, support } = field;
	const description = { name, type: field.schema.description, doc, support };
	return field.shownDefault === undefined ? description : { ...description, default: field.shownDefault };
}
