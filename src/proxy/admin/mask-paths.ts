import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { apiRegistry } from "../../api/index.ts";

type Json = Readonly<Record<string, unknown>>;

/** Whether every path of a mask names fields of a message. Behind a list or a scalar there is nothing to name. */
export function isMaskOf(schema: DescMessage, mask: string): boolean {
	return splitMask(mask).every((path) => isPathOf(schema, path));
}

/** The same where paths may lead into the message that a field packs (`google.protobuf.Any`): there they have to name a field of it.
 *  `value` is the message as JSON. */
export function isMaskInto(schema: DescMessage, mask: string, value: Json): boolean {
	return splitMask(mask).every((path) => {
		const packed = fieldOf(schema, path[0]);
		if (messageOf(packed)?.typeName !== "google.protobuf.Any") return isPathOf(schema, path);
		const inner = value[packed!.name];
		if (inner === undefined) return true;
		const typeUrl = String((inner as Json)["@type"] ?? "");
		const innerSchema = apiRegistry.getMessage(typeUrl.slice(typeUrl.indexOf("/") + 1));
		return innerSchema === undefined ? path.length > 1 : isPathOf(innerSchema, path.slice(1));
	});
}

function splitMask(mask: string): string[][] {
	return mask.split(",").map((path) => path.trim().split("."));
}

function isPathOf(schema: DescMessage, path: readonly string[]): boolean {
	let current: DescMessage | undefined = schema;
	for (const name of path) {
		const field = current === undefined ? undefined : fieldOf(current, name);
		if (field === undefined) return false;
		current = messageOf(field);
	}
	return path.length > 0;
}

function fieldOf(schema: DescMessage, name: string | undefined): DescField | undefined {
	return schema.fields.find((field) => field.name === name);
}

function messageOf(field: DescField | undefined): DescMessage | undefined {
	return field?.fieldKind === "message" ? field.message : undefined;
}
