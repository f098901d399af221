import { PartReader } from "./part-reader.ts";

/** The values of a repeated field. */
export function listParts(bytes: Uint8Array, field: number): Uint8Array[] {
	const parts: Uint8Array[] = [];
	const reader = new PartReader(bytes);
	while (reader.next()) {
		if (reader.field === field) parts.push(reader.bytes());
		else reader.skip();
	}
	return parts;
}

/** The first field of what has a name. */
export function readName(bytes: Uint8Array): string {
	const reader = new PartReader(bytes);
	while (reader.next()) {
		if (reader.field === 1) return reader.string();
		reader.skip();
	}
	return "";
}

/** `two_words` as `twoWords`. */
export function toCamelCase(name: string): string {
	return name.includes("_") ? name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase()) : name;
}

const ownProperties = new Set(["constructor", "toString", "toJSON", "valueOf"]);

/** A name that every object has is written with a dollar behind it. */
export function escapeProperty(name: string): string {
	return ownProperties.has(name) ? `${name}$` : name;
}
