import { joinPath, type Node } from "../document/node.ts";

/** What a value must be, for people and generated documentation. JSON-shaped. */
export type TypeDescription =
	| {
			readonly type: "string";
			/** What the text is, e.g. `RFC 1123 label`. */
			readonly format?: string;
			readonly values?: readonly string[];
	  }
	| { readonly type: "integer" | "number"; readonly minimum?: number; readonly maximum?: number }
	| { readonly type: "boolean" }
	| { readonly type: "integer or string"; readonly format: string }
	| { readonly type: "list"; readonly items: TypeDescription; readonly minItems: number; readonly maxItems: number }
	| { readonly type: "map"; readonly keys: string; readonly values: TypeDescription }
	| { readonly type: "object"; readonly fields: readonly FieldDescription[] }
	| { readonly type: "any" };

/** One field of an object. */
export interface FieldDescription {
	readonly name: string;
	readonly type: TypeDescription;
	readonly doc: string;
	/** `ignored`: accepted, and without effect. `refused`: known, and a problem when set. */
	readonly support: "required" | "optional" | "ignored" | "refused";
	/** As written in a document; absent without a default. */
	readonly default?: string;
}

/** How a value is read and described. Every kind is one of these, built of smaller ones. */
export interface Schema<T> {
	readonly description: TypeDescription;
	/** The value, or undefined after at least one problem was reported. */
	read(node: Node, reader: Reader): T | undefined;
}

/** A fault of a field. */
export interface Fault {
	readonly severity: "error" | "warning";
	readonly path: string;
	readonly problem: string;
}

/** Where the reading is in the document, and where its problems go. */
export interface Reader {
	readonly path: string;
	/** A reader for the field `key` of this place. */
	field(key: string): Reader;
	/** A reader for the item `index` of this place. */
	item(index: number): Reader;
	/** A reader of this place whose errors end with `note`. */
	noting(note: string): Reader;
	/** Reports that the value at this place cannot be used. */
	refuse(problem: string): undefined;
	/** Tells that the value at this place was left out, and what is around it is used. */
	leaveOut(): void;
	/** Reports something worth knowing about a value that is used. */
	warn(problem: string): void;
}

/** A reader at the root of a document that hands every fault to `take`, and the place of what is left out to `onLeftOut`. */
export function createReader(
	take: (fault: Fault) => void,
	onLeftOut: (path: string) => void = () => undefined,
	path = "",
	note = "",
): Reader {
	return {
		path,
		field: (key) => createReader(take, onLeftOut, joinPath(path, key), note),
		item: (index) => createReader(take, onLeftOut, `${path}[${index}]`, note),
		noting: (added) => createReader(take, onLeftOut, path, `${note}; ${added}`),
		leaveOut: () => onLeftOut(path),
		refuse(problem) {
			take({ severity: "error", path, problem: problem + note });
			return undefined;
		},
		warn: (problem) => take({ severity: "warning", path, problem }),
	};
}

/** Checks or changes what `schema` read; `check` returns undefined after it has refused. */
export function refine<T, U>(
	schema: Schema<T>,
	check: (value: T, node: Node, reader: Reader) => U | undefined,
): Schema<U> {
	return {
		description: schema.description,
		read(node, reader) {
			const value = schema.read(node, reader);
			return value === undefined ? undefined : check(value, node, reader);
		},
	};
}
