/** Makes the descriptors of a message or an enum straight from the bytes of its part, as the library's `createFileRegistry` would: that
 *  decodes a part by reflection into messages first and makes the types that the part refers to anew. For files of proto2 and proto3.
 *  Numbers and names: google/protobuf/descriptor.proto. */
import { type DescEnum, type DescField, type DescMessage, type DescOneof, fromBinary } from "@bufbuild/protobuf";
import { DescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { describeEnum } from "./described-enum.ts";
import { completeField, Field, type FindType, Oneof, readField } from "./described-field.ts";
import type { DescType } from "./lazy-descriptors.ts";
import { PartReader } from "./part-reader.ts";
import { listParts, readName } from "./part-shape.ts";

/** What a type is described with. */
export interface DescribeContext {
	/** The package of its file, with a dot behind it. */
	readonly scope: string;
	readonly isProto2: boolean;
	readonly find: FindType;
}

/** Describes one type of a part, without those in it.
 *  @returns undefined for what only the library describes: services, extensions, and what has other options than are known here */
export function describeType(
	part: Uint8Array,
	{ kind, typeName }: DescType,
	context: DescribeContext,
): object | undefined {
	if (kind !== "message" && kind !== "enum") return undefined;
	const path = typeName.slice(context.scope.length).split(".");
	const found = locate(part, path, kind);
	if (found === undefined) return undefined;
	// Its descriptor keeps the bytes of a type, not what lies around them.
	const bytes = Uint8Array.from(found);
	const parentName = path.length === 1 ? undefined : typeName.slice(0, typeName.lastIndexOf("."));
	const parent = parentName === undefined ? undefined : (context.find(parentName) as DescMessage);
	const holder = context.find(typeName);
	return kind === "enum"
		? describeEnum(bytes, holder as DescEnum, parent, context.isProto2)
		: describeMessage(bytes, holder as DescMessage, parent, context);
}

/** The definition of a type: in a file messages are field 4 and enums 5, in a message 3 and 4. */
function locate(part: Uint8Array, path: readonly string[], kind: "message" | "enum"): Uint8Array | undefined {
	let bytes: Uint8Array | undefined = part;
	for (const [depth, name] of path.entries()) {
		const messages: number = depth === 0 ? 4 : 3;
		const wanted = kind === "enum" && depth === path.length - 1 ? messages + 1 : messages;
		bytes = listParts(bytes!, wanted).find((inner) => readName(inner) === name);
		if (bytes === undefined) return undefined;
	}
	return bytes;
}

/** A message as it is written, its parts still in bytes. */
interface MessageBytes {
	name: string;
	readonly fields: Uint8Array[];
	readonly nested: Uint8Array[];
	readonly enums: Uint8Array[];
	readonly oneofs: Uint8Array[];
	hasExtensions: boolean;
}

function readMessage(bytes: Uint8Array): MessageBytes {
	const read: MessageBytes = { name: "", fields: [], nested: [], enums: [], oneofs: [], hasExtensions: false };
	const reader = new PartReader(bytes);
	while (reader.next())
		switch (reader.field) {
			case 1:
				read.name = reader.string();
				break;
			case 2:
				read.fields.push(reader.bytes());
				break;
			case 3:
				read.nested.push(reader.bytes());
				break;
			case 4:
				read.enums.push(reader.bytes());
				break;
			case 6:
				reader.skip();
				read.hasExtensions = true;
				break;
			case 8:
				read.oneofs.push(reader.bytes());
				break;
			default:
				reader.skip();
		}
	return read;
}

/** Whether a message is the entry of a map: field 7 of its options, which are field 7 of it. */
function isMapEntry(bytes: Uint8Array): boolean {
	return listParts(bytes, 7).some((options) => {
		const reader = new PartReader(options);
		while (reader.next()) {
			if (reader.field === 7) return reader.varint() !== 0;
			reader.skip();
		}
		return false;
	});
}

function describeMessage(
	bytes: Uint8Array,
	holder: DescMessage,
	parent: DescMessage | undefined,
	{ find, isProto2 }: DescribeContext,
): object | undefined {
	const read = readMessage(bytes);
	if (read.hasExtensions) return undefined;
	const { typeName } = holder;
	// What the getters below keep.
	const { nested, enums } = read;
	const fields: DescField[] = [];
	const byName: Record<string, DescField> = {};
	const members: (DescField | DescOneof)[] = [];
	const oneofs = read.oneofs.map((inner) => new Oneof(inner, holder));
	const findEntry = (name: string): Uint8Array | undefined => {
		if (!name.startsWith(`.${typeName}.`)) return undefined;
		const own = name.slice(typeName.length + 2);
		const entry = nested.find((inner) => readName(inner) === own);
		return entry !== undefined && isMapEntry(entry) ? entry : undefined;
	};
	for (const inner of read.fields) {
		const written = readField(inner);
		if (written.isUnusual) return undefined;
		const oneof = written.oneofIndex < 0 || written.isOptional ? undefined : oneofs[written.oneofIndex];
		const described = new Field(written, holder, oneof, isProto2);
		completeField(described, written, findEntry, find);
		const field = described as unknown as DescField;
		fields.push(field);
		byName[field.localName] = field;
		if (oneof === undefined) members.push(field);
		else if (oneof.fields.push(field) === 1) members.push(oneof as unknown as DescOneof);
	}
	return {
		...{ deprecated: false, parent, name: read.name, fields, field: byName, members },
		oneofs: oneofs.filter((oneof) => oneof.fields.length > 0) as unknown as DescOneof[],
		get nestedEnums() {
			return enums.map((inner) => find(`${typeName}.${readName(inner)}`) as DescEnum);
		},
		get nestedMessages() {
			const messages = nested.filter((inner) => !isMapEntry(inner));
			return messages.map((inner) => find(`${typeName}.${readName(inner)}`) as DescMessage);
		},
		nestedExtensions: [],
		get proto() {
			return fromBinary(DescriptorProtoSchema, bytes);
		},
	};
}
