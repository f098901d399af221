import type { Labels, Source } from "../../model/index.ts";
import type { Node } from "../document/node.ts";
import type { Reader, Schema, TypeDescription } from "../schema/schema.ts";

/** What is known of an object besides its `spec`. */
export interface ObjectContext {
	readonly name: string;
	readonly namespace: string;
	readonly labels: Labels;
	readonly annotations: Readonly<Record<string, string>>;
	/** Milliseconds since the epoch; 0 when unknown. */
	readonly createdAt: number;
	readonly source: Source;
	/** Folder of the file; undefined for objects of the admin API. */
	readonly folder: string | undefined;
}

/** What one kind is: its names, its `spec`, and how that becomes a noun of the model. */
export interface KindSpec<Name extends string, Spec, Model> {
	readonly name: Name;
	/** How documents write `kind`, when several groups have a kind of that name; the name by default. */
	readonly documentKind?: string;
	/** Accepted values of `apiVersion`, the preferred one first. */
	readonly apiVersions: readonly string[];
	/** Other words for it on the command line, lower case. */
	readonly aliases: readonly string[];
	/** What it is for, one or two sentences. */
	readonly doc: string;
	/** A small whole document. */
	readonly example: string;
	/** Schema of `spec`; of all fields beside `apiVersion`, `kind` and `metadata` when `body` is `document`. */
	readonly spec: Schema<Spec>;
	/** Where the object says what it says: in `spec` (the default), or beside `metadata`, as EndpointSlices do. */
	readonly body?: "spec" | "document";
	/** Names of objects of this kind: `label` where the name becomes a DNS label or a process name. */
	readonly naming: "label" | "subdomain";
	toModel(spec: Spec, context: ObjectContext): Model;
	/** What stands for an object that cannot be used as it is written, and was never good: of kinds whose absence would let through
	 *  what they keep out. `value` is what could be read of it. */
	failClosed?(spec: Node, context: ObjectContext, value: NoInfer<Model> | undefined): Model | undefined;
}

/** A kind without its spec's type, for tables of kinds. */
export interface Kind<Name extends string = string, Model = unknown> {
	readonly name: Name;
	readonly documentKind: string;
	readonly apiVersions: readonly string[];
	readonly aliases: readonly string[];
	readonly doc: string;
	readonly example: string;
	readonly naming: "label" | "subdomain";
	readonly description: TypeDescription;
	readonly body: "spec" | "document";
	/** The model's noun, or undefined after problems were reported. */
	read(spec: Node, reader: Reader, context: ObjectContext): Model | undefined;
	/** See `KindSpec`. */
	failClosed(spec: Node, context: ObjectContext, value: unknown): Model | undefined;
}

/** Makes a kind. */
export function defineKind<Name extends string, Spec, Model>(kind: KindSpec<Name, Spec, Model>): Kind<Name, Model> {
	const { name, apiVersions, aliases, doc, example, naming, spec, body = "spec", toModel } = kind;
	return {
		name,
		documentKind: kind.documentKind ?? name,
		apiVersions,
		aliases,
		doc,
		example,
		naming,
		description: spec.description,
		body,
		read(node, reader, context) {
			const value = spec.read(node, reader);
			return value === undefined ? undefined : compact(toModel(value, context));
		},
		failClosed: (node, context, value) => compact(kind.failClosed?.(node, context, value as Model | undefined)),
	};
}

/** Drops undefined fields, so that an absent field is absent. */
function compact<T>(value: T): T {
	if (Array.isArray(value)) return value.map(compact) as T;
	if (value === null || typeof value !== "object" || value instanceof Uint8Array) return value;
	const fields = Object.entries(value).filter(([, field]) => field !== undefined);
	return Object.fromEntries(fields.map(([name, field]) => [name, compact(field)])) as T;
}
