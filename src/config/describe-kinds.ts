import { kinds } from "./kinds/index.ts";
import { metadata } from "./schema/kubernetes.ts";
import type { FieldDescription, TypeDescription } from "./schema/schema.ts";

/** What a kind is, for documentation and completion; JSON-shaped. */
export interface KindDescription {
	readonly name: string;
	/** How documents write `kind`. */
	readonly documentKind: string;
	/** Accepted values of `apiVersion`, the preferred one first. */
	readonly apiVersions: readonly string[];
	/** Other words for it on the command line. */
	readonly aliases: readonly string[];
	readonly doc: string;
	/** A small whole document. */
	readonly example: string;
	readonly spec: TypeDescription;
	/** Whether the fields of `spec` are in `spec` or beside `metadata`. */
	readonly body: "spec" | "document";
}

/** Describes every kind, from the schemas that check the documents. */
export function describeKinds(): KindDescription[] {
	return kinds.map(({ name, documentKind, apiVersions, aliases, doc, example, description, body }) => ({
		name,
		documentKind,
		apiVersions,
		aliases,
		doc,
		example,
		spec: description,
		body,
	}));
}

/** Describes `metadata`, which every kind has. */
export function describeMetadata(): readonly FieldDescription[] {
	const { description } = metadata();
	return description.type === "object" ? description.fields : [];
}
