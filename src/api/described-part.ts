/** Makes the descriptors of a message or an enum straight from the bytes of its part, as the library's `createFileRegistry` would: that
 *  decodes a part by reflection into messages first and makes the types that the part refers to anew. Only for files of proto3.
 *  Numbers and names: google/protobuf/descriptor.proto. */
import {
	type DescEnum,
	type DescEnumValue,
	type DescField,
	type DescMessage,
	type DescOneof,
	fromBinary,
} from "@bufbuild/protobuf";
import {
	DescriptorProtoSchema,
	EnumDescriptorProtoSchema,
	EnumValueDescriptorProtoSchema,
	FeatureSet_FieldPresence,
	FieldDescriptorProto_Label,
	FieldDescriptorProto_Type,
	FieldDescriptorProtoSchema,
	OneofDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { PartReader } from "./part-reader.ts";

/** Finds the descriptor that everybody holds. */
export type FindType = (typeName: string) => DescMessage | DescEnum;

/** The properties of one descriptor, besides its name, kind and file. */
export type Made =
	| { readonly holder: DescMessage; readonly properties: Omit<DescMessage, Known> }
	| { readonly holder: DescEnum; readonly properties: Omit<DescEnum, Known> };

type Known = "kind" | "typeName" | "file" | "toString";

const { EXPLICIT, IMPLICIT } = FeatureSet_FieldPresence;
const { MESSAGE, ENUM, STRING, BYTES } = FieldDescriptorProto_Type;

/** Describes what a part contains, nested types too.
 *  @param scope the package with a dot behind it
 *  @returns undefined for what only the library describes: services, extensions, options beyond rules and deprecation */
export function describePart(part: Uint8Array, scope: string, find: FindType): readonly Made[] | undefined {
	const made: Made[] = [];
	const reader = new PartReader(part);
	while (reader.next())
		switch (reader.field) {
			case 4:
				if (!describeMessage(reader.bytes(), scope, undefined, { find, made })) return undefined;
				break;
			case 5:
				describeEnum(reader.bytes(), scope, undefined, { find, made });
				break;
			case 6:
			case 7:
				return undefined;
			default:
				reader.skip();
		}
	return made;
}

interface Context {
	readonly find: FindType;
	readonly made: Made[];
}

/** A message as it is written, its parts still in bytes. */
interface MessageBytes {
	name: string;
	readonly fields: Uint8Array[];
	readonly nested: Uint8Array[];
	readonly enums: Uint8Array[];
	readonly oneofs: Uint8Array[];
	isMapEntry: boolean;
	hasExtensions: boolean;
}

function readMessage(bytes: Uint8Array): MessageBytes {
	const read: MessageBytes = {
		...{ name: "", fields: [], nested: [], enums: [], oneofs: [] },
		...{ isMapEntry: false, hasExtensions: false },
	};
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
			case 7:
				read.isMapEntry = readMapEntry(reader.bytes());
				break;
			case 8:
				read.oneofs.push(reader.bytes());
				break;
			default:
				reader.skip();
		}
	return read;
}

/** Whether `map_entry` is set. */
function readMapEntry(bytes: Uint8Array): boolean {
	const reader = new PartReader(bytes);
	while (reader.next()) {
		if (reader.field === 7) return reader.varint() !== 0;
		reader.skip();
	}
	return false;
}

/** @returns whether it can be described */
function describeMessage(bytes: Uint8Array, scope: string, parent: DescMessage | undefined, context: Context): boolean {
	const read = readMessage(bytes);
	if (read.hasExtensions) return false;
	const typeName = scope + read.name;
	const holder = context.find(typeName) as DescMessage;
	const properties = {
		...{ deprecated: false, parent, name: read.name },
		fields: [] as DescField[],
		field: {} as Record<string, DescField>,
		oneofs: [] as DescOneof[],
		members: [] as (DescField | DescOneof)[],
		nestedEnums: [] as DescEnum[],
		nestedMessages: [] as DescMessage[],
		nestedExtensions: [],
		get proto() {
			return fromBinary(DescriptorProtoSchema, bytes);
		},
	};
	context.made.push({ holder, properties });
	for (const inner of read.enums) properties.nestedEnums.push(describeEnum(inner, `${typeName}.`, holder, context));
	const mapEntries = new Map<string, MessageBytes>();
	for (const inner of read.nested) {
		const nested = readMessage(inner);
		if (nested.isMapEntry) mapEntries.set(`.${typeName}.${nested.name}`, nested);
		else if (!describeMessage(inner, `${typeName}.`, holder, context)) return false;
		else properties.nestedMessages.push(context.find(`${typeName}.${nested.name}`) as DescMessage);
	}
	const oneofs = read.oneofs.map((inner) => new Oneof(inner, holder));
	for (const inner of read.fields) {
		const written = readField(inner);
		if (written.isUnusual) return false;
		const oneof = written.oneofIndex < 0 || written.isOptional ? undefined : oneofs[written.oneofIndex];
		const field = describeField(written, holder, oneof, mapEntries, context.find) as unknown as DescField;
		properties.fields.push(field);
		properties.field[field.localName] = field;
		if (oneof === undefined) properties.members.push(field);
		else if (oneof.fields.push(field) === 1) properties.members.push(oneof as unknown as DescOneof);
	}
	for (const oneof of oneofs) if (oneof.fields.length > 0) properties.oneofs.push(oneof as unknown as DescOneof);
	return true;
}

class Oneof {
	readonly kind = "oneof";
	readonly deprecated = false;
	readonly parent: DescMessage;
	readonly fields: DescField[] = [];
	readonly name: string;
	readonly localName: string;
	readonly #bytes: Uint8Array;

	constructor(bytes: Uint8Array, parent: DescMessage) {
		this.#bytes = bytes;
		this.parent = parent;
		this.name = readName(bytes);
		this.localName = escapeProperty(toCamelCase(this.name));
	}

	get proto() {
		return fromBinary(OneofDescriptorProtoSchema, this.#bytes);
	}

	get optionBytes(): Uint8Array | undefined {
		const reader = new PartReader(this.#bytes);
		while (reader.next()) {
			if (reader.field === 2) return reader.bytes();
			reader.skip();
		}
		return undefined;
	}

	toString(): string {
		return `oneof ${this.parent.typeName}.${this.name}`;
	}
}

/** A field as it is written. */
interface WrittenField {
	readonly bytes: Uint8Array;
	name: string;
	number: number;
	label: number;
	type: number;
	/** With a dot in front. */
	typeName: string;
	/** Negative without one. */
	oneofIndex: number;
	jsonName: string;
	isOptional: boolean;
	isDeprecated: boolean;
	options: Uint8Array | undefined;
	/** It has something that is not described here. */
	isUnusual: boolean;
}

function readField(bytes: Uint8Array): WrittenField {
	const read: WrittenField = {
		bytes,
		...{ name: "", number: 0, label: 0, type: 0, typeName: "", oneofIndex: -1, jsonName: "" },
		...{ isOptional: false, isDeprecated: false, options: undefined, isUnusual: false },
	};
	const reader = new PartReader(bytes);
	while (reader.next())
		switch (reader.field) {
			case 1:
				read.name = reader.string();
				break;
			case 3:
				read.number = reader.varint();
				break;
			case 4:
				read.label = reader.varint();
				break;
			case 5:
				read.type = reader.varint();
				break;
			case 6:
				read.typeName = reader.string();
				break;
			case 8:
				read.options = reader.bytes();
				readFieldOptions(read, read.options);
				break;
			case 9:
				read.oneofIndex = reader.varint();
				break;
			case 10:
				read.jsonName = reader.string();
				break;
			case 17:
				read.isOptional = reader.varint() !== 0;
				break;
			default:
				reader.skip();
				read.isUnusual = true;
		}
	return read;
}

/** Extensions of the options start at 1000; of the library's own ones only `deprecated` is known here. */
function readFieldOptions(field: WrittenField, bytes: Uint8Array): void {
	const reader = new PartReader(bytes);
	while (reader.next()) {
		if (reader.field === 3) field.isDeprecated = reader.varint() !== 0;
		else {
			field.isUnusual ||= reader.field < 1000;
			reader.skip();
		}
	}
}

/** `DescField`, whose variants differ in which of these are undefined. */
class Field {
	readonly kind = "field";
	readonly deprecated: boolean;
	readonly name: string;
	readonly number: number;
	scalar: number | undefined = undefined;
	message: DescMessage | undefined = undefined;
	enum: DescEnum | undefined = undefined;
	readonly presence: number;
	readonly utf8Validation = true;
	listKind: "message" | "enum" | "scalar" | undefined = undefined;
	mapKind: "message" | "enum" | "scalar" | undefined = undefined;
	mapKey: number | undefined = undefined;
	delimitedEncoding: false | undefined = undefined;
	packed: boolean | undefined = undefined;
	readonly longAsString = false;
	getDefaultValue: (() => undefined) | undefined = undefined;
	readonly parent: DescMessage;
	readonly oneof: Oneof | undefined;
	readonly localName: string;
	readonly jsonName: string;
	fieldKind: "message" | "enum" | "scalar" | "list" | "map" = "scalar";
	readonly #written: WrittenField;

	constructor(written: WrittenField, parent: DescMessage, oneof: Oneof | undefined) {
		const { name, number, type, label, isOptional } = written;
		this.deprecated = written.isDeprecated;
		this.name = name;
		this.number = number;
		this.parent = parent;
		this.oneof = oneof;
		const isRepeated = label === FieldDescriptorProto_Label.REPEATED;
		const isTracked = !isRepeated && (oneof !== undefined || isOptional || type === MESSAGE);
		this.presence = isTracked ? EXPLICIT : IMPLICIT;
		const camelCase = toCamelCase(name);
		this.localName = oneof === undefined ? escapeProperty(camelCase) : camelCase;
		this.jsonName = written.jsonName;
		this.#written = written;
	}

	get optionBytes(): Uint8Array | undefined {
		return this.#written.options;
	}

	get proto() {
		return fromBinary(FieldDescriptorProtoSchema, this.#written.bytes);
	}

	toString(): string {
		return `field ${this.parent.typeName}.${this.name}`;
	}
}

const noDefault = (): undefined => undefined;

function describeField(
	written: WrittenField,
	parent: DescMessage,
	oneof: Oneof | undefined,
	mapEntries: ReadonlyMap<string, MessageBytes>,
	find: FindType,
): Field {
	const field = new Field(written, parent, oneof);
	const { type, typeName, label } = written;
	const refer = (inner: Pick<WrittenField, "type" | "typeName">): "message" | "enum" | "scalar" => {
		if (inner.type === MESSAGE) field.message = find(inner.typeName.slice(1)) as DescMessage;
		else if (inner.type === ENUM) field.enum = find(inner.typeName.slice(1)) as DescEnum;
		else field.scalar = inner.type;
		return inner.type === MESSAGE ? "message" : inner.type === ENUM ? "enum" : "scalar";
	};
	const entry = mapEntries.get(typeName);
	if (entry !== undefined) {
		const [key, value] = entry.fields.map(readField) as [WrittenField, WrittenField];
		field.fieldKind = "map";
		field.mapKey = key.type;
		field.mapKind = refer(value);
		field.delimitedEncoding = false;
	} else if (label === FieldDescriptorProto_Label.REPEATED) {
		field.fieldKind = "list";
		field.listKind = refer(written);
		field.packed = type !== MESSAGE && type !== STRING && type !== BYTES;
		if (type === MESSAGE) field.delimitedEncoding = false;
	} else {
		field.fieldKind = refer(written);
		field.getDefaultValue = noDefault;
		if (type === MESSAGE) field.delimitedEncoding = false;
	}
	return field;
}

function describeEnum(
	bytes: Uint8Array,
	scope: string,
	parent: DescMessage | undefined,
	{ find, made }: Context,
): DescEnum {
	const values: Uint8Array[] = [];
	let name = "";
	const reader = new PartReader(bytes);
	while (reader.next())
		if (reader.field === 1) name = reader.string();
		else if (reader.field === 2) values.push(reader.bytes());
		else reader.skip();
	const holder = find(scope + name) as DescEnum;
	const sharedPrefix = findSharedPrefix(name, values.map(readName));
	const described = values.map((value) => new EnumValue(value, holder, sharedPrefix?.length ?? 0));
	const byNumber: Record<number, DescEnumValue> = {};
	for (const value of described) byNumber[value.number] ??= value as unknown as DescEnumValue;
	const properties = {
		...{ deprecated: false, parent, name, open: true, sharedPrefix, value: byNumber },
		values: described as unknown as DescEnumValue[],
		get proto() {
			return fromBinary(EnumDescriptorProtoSchema, bytes);
		},
	};
	made.push({ holder, properties: properties as unknown as Omit<DescEnum, Known> });
	return holder;
}

class EnumValue {
	readonly kind = "enum_value";
	readonly deprecated = false;
	readonly parent: DescEnum;
	readonly name: string;
	readonly localName: string;
	readonly number: number;
	readonly jsonName: string;
	readonly #bytes: Uint8Array;

	constructor(bytes: Uint8Array, parent: DescEnum, prefixLength: number) {
		this.#bytes = bytes;
		this.parent = parent;
		this.name = readName(bytes);
		this.localName = escapeProperty(this.name.slice(prefixLength));
		this.jsonName = this.name;
		let number = 0;
		const reader = new PartReader(bytes);
		while (reader.next())
			if (reader.field === 2) number = reader.varint() | 0;
			else reader.skip();
		this.number = number;
	}

	get proto() {
		return fromBinary(EnumValueDescriptorProtoSchema, this.#bytes);
	}

	toString(): string {
		return `enum value ${this.parent.typeName}.${this.name}`;
	}
}

/** The first field of what has a name. */
function readName(bytes: Uint8Array): string {
	const reader = new PartReader(bytes);
	while (reader.next()) {
		if (reader.field === 1) return reader.string();
		reader.skip();
	}
	return "";
}

/** `MY_ENUM_` of `enum MyEnum { MY_ENUM_A = 0; MY_ENUM_B = 1; }`, in lower case as the library has it. */
function findSharedPrefix(name: string, values: readonly string[]): string | undefined {
	const prefix = `${name.slice(0, 1)}${name.slice(1).replace(/[A-Z]/g, "_$&")}_`.toLowerCase();
	const isShared = values.every((value) => {
		const rest = value.slice(prefix.length);
		return value.toLowerCase().startsWith(prefix) && rest !== "" && !/^\d/.test(rest);
	});
	return isShared ? prefix : undefined;
}

function toCamelCase(name: string): string {
	return name.includes("_") ? name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase()) : name;
}

const ownProperties = new Set(["constructor", "toString", "toJSON", "valueOf"]);

/** A name that every object has is written with a dollar behind it. */
function escapeProperty(name: string): string {
	return ownProperties.has(name) ? `${name}$` : name;
}
