import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";

/** A message in protobuf's text format: set fields only, two spaces a level. */
export function printTextProto(schema: DescMessage, message: Message, indent = ""): string {
	const reflected = reflect(schema, message);
	let text = "";
	for (const field of schema.fields) {
		if (!reflected.isSet(field)) continue;
		const value: unknown = reflected.get(field);
		const values = field.fieldKind === "list" ? [...(value as Iterable<unknown>)] : [value];
		for (const one of values) text += printField(field, one, indent);
	}
	return text;
}

function printField(field: DescField, value: unknown, indent: string): string {
	const inner = "message" in field ? field.message : undefined;
	if (inner !== undefined) {
		const { message } = value as { readonly message: Message };
		return `${indent}${field.name} {\n${printTextProto(inner, message, `${indent}  `)}${indent}}\n`;
	}
	if (typeof value === "string" || value instanceof Uint8Array) {
		return `${indent}${field.name}: "${escapeBytes(Buffer.from(value as string))}"\n`;
	}
	const name = "enum" in field ? field.enum?.value[value as number]?.name : undefined;
	return `${indent}${field.name}: ${name ?? String(value)}\n`;
}

const escapes: Readonly<Record<string, string>> = {
	"\n": "\\n",
	"\r": "\\r",
	"\t": "\\t",
	'"': '\\"',
	"'": "\\'",
	"\\": "\\\\",
};

function escapeBytes(bytes: Buffer): string {
	return bytes.toString("latin1").replace(/[^\x20-\x7e]|["'\\]/g, (character) => {
		return escapes[character] ?? `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`;
	});
}
