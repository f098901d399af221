import type { DescField, DescMessage } from "@bufbuild/protobuf";
import { apiRegistry } from "../../api/index.ts";
import type { FieldShape } from "./text-proto.ts";

const wrapper = /^google\.protobuf\.(?:Bool|Bytes|Double|Float|Int32|Int64|String|UInt32|UInt64)Value$/;

/** How the text format writes a message. */
export function shapeOfMessage(schema: DescMessage, isList = false): FieldShape {
	return {
		kind: kindOfMessage(schema),
		isList,
		field(name) {
			const found = schema.fields.find((field) => field.name === name);
			return found === undefined ? undefined : shapeOfField(found);
		},
		extension: findExtension,
	};
}

function kindOfMessage({ typeName }: DescMessage): FieldShape["kind"] {
	if (typeName === "google.protobuf.Any") return "any";
	if (typeName === "google.protobuf.Duration") return "duration";
	return wrapper.test(typeName) ? "wrapper" : "message";
}

function shapeOfField(field: DescField): FieldShape {
	const isList = field.fieldKind === "list";
	if (field.fieldKind === "map") {
		const value = field.message === undefined ? scalar(false) : shapeOfMessage(field.message);
		const parts: Readonly<Record<string, FieldShape>> = { key: scalar(false), value };
		return { kind: "map", isList: false, field: (name) => parts[name], extension: findExtension };
	}
	if (field.message !== undefined) return shapeOfMessage(field.message, isList);
	// 12 is TYPE_BYTES of descriptor.proto.
	return { ...scalar(isList), kind: field.scalar === 12 ? "bytes" : "scalar" };
}

function scalar(isList: boolean): FieldShape {
	return { kind: "scalar", isList, field: () => undefined, extension: () => undefined };
}

function findExtension(typeUrl: string): FieldShape | undefined {
	const schema = apiRegistry.getMessage(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
	return schema === undefined ? undefined : shapeOfMessage(schema);
}
