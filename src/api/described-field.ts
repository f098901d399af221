/** Fields and oneofs of descriptors, made from their bytes: `DescField` and `DescOneof`. */
import { type DescEnum, type DescField, type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { FieldDescriptorProtoSchema, OneofDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { PartReader } from "./part-reader.ts";
import { escapeProperty, listParts, readName, toCamelCase } from "./part-shape.ts";

/** Finds the descriptor that everybody holds. */
export type FindType = (typeName: string) => DescMessage | DescEnum;

// Of google/protobuf/descriptor.proto, whose own messages are made with this.
const [explicit, implicit, required] = [1, 2, 3];
const [stringType, messageType, bytesType, enumType] = [9, 11, 12, 14];
const [requiredLabel, repeatedLabel] = [2, 3];

/** `DescOneof`. */
export class Oneof {
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
export interface WrittenField {
	readonly bytes: Uint8Array;
	name: string;
	number: number;
	label: number;
	type: number;
	/** With a dot in front. */
	typeName: string;
	/** Undefined where none is written. */
	defaultValue: string | undefined;
	/** Negative without one. */
	oneofIndex: number;
	jsonName: string;
	isOptional: boolean;
	isDeprecated: boolean;
	/** Undefined where nothing is said. */
	isPacked: boolean | undefined;
	/** It has something that is not described here. */
	isUnusual: boolean;
}

/** Reads what is written of a field. */
export function readField(bytes: Uint8Array): WrittenField {
	const read: WrittenField = {
		bytes,
		...{ name: "", number: 0, label: 0, type: 0, typeName: "", oneofIndex: -1, jsonName: "" },
		...{ isOptional: false, isDeprecated: false, isPacked: undefined, isUnusual: false },
		defaultValue: undefined,
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
			case 7:
				read.defaultValue = reader.string();
				break;
			case 8:
				readFieldOptions(read, reader.bytes());
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

/** Options that change what a field is: `jstype` and `features`. */
const unusualOptions = new Set([6, 21]);

function readFieldOptions(field: WrittenField, bytes: Uint8Array): void {
	const reader = new PartReader(bytes);
	while (reader.next()) {
		if (reader.field === 2) field.isPacked = reader.varint() !== 0;
		else if (reader.field === 3) field.isDeprecated = reader.varint() !== 0;
		else {
			field.isUnusual ||= unusualOptions.has(reader.field);
			reader.skip();
		}
	}
}

/** `DescField`, whose variants differ in which of these are undefined. */
export class Field {
	readonly kind = "field";
	readonly deprecated: boolean;
	readonly name: string;
	readonly number: number;
	scalar: number | undefined = undefined;
	message: DescMessage | undefined = undefined;
	enum: DescEnum | undefined = undefined;
	readonly presence: number;
	readonly utf8Validation: boolean;
	listKind: "message" | "enum" | "scalar" | undefined = undefined;
	mapKind: "message" | "enum" | "scalar" | undefined = undefined;
	mapKey: number | undefined = undefined;
	delimitedEncoding: false | undefined = undefined;
	packed: boolean | undefined = undefined;
	readonly longAsString = false;
	getDefaultValue: (() => string | number | boolean | undefined) | undefined = undefined;
	readonly parent: DescMessage;
	readonly oneof: Oneof | undefined;
	readonly localName: string;
	readonly jsonName: string;
	fieldKind: "message" | "enum" | "scalar" | "list" | "map" = "scalar";
	readonly #bytes: Uint8Array;

	constructor(written: WrittenField, parent: DescMessage, oneof: Oneof | undefined, isProto2: boolean) {
		const { name, number, type, label, isOptional } = written;
		this.deprecated = written.isDeprecated;
		this.name = name;
		this.number = number;
		this.parent = parent;
		this.oneof = oneof;
		this.utf8Validation = !isProto2;
		const isTracked = isProto2 || oneof !== undefined || isOptional || type === messageType;
		if (label === requiredLabel) this.presence = required;
		else this.presence = isTracked && label !== repeatedLabel ? explicit : implicit;
		const isLong = type === stringType || type === messageType || type === bytesType;
		if (label === repeatedLabel) this.packed = !isLong && (written.isPacked ?? !isProto2);
		const camelCase = toCamelCase(name);
		this.localName = oneof === undefined ? escapeProperty(camelCase) : camelCase;
		this.jsonName = written.jsonName;
		this.#bytes = written.bytes;
	}

	get optionBytes(): Uint8Array | undefined {
		return listParts(this.#bytes, 8)[0];
	}

	get proto() {
		return fromBinary(FieldDescriptorProtoSchema, this.#bytes);
	}

	toString(): string {
		return `field ${this.parent.typeName}.${this.name}`;
	}
}

/** Sets what the kind of a field decides. */
export function completeField(
	field: Field,
	written: WrittenField,
	findEntry: (typeName: string) => Uint8Array | undefined,
	find: FindType,
): void {
	const { type, typeName, label, defaultValue } = written;
	const refer = (inner: Pick<WrittenField, "type" | "typeName">): "message" | "enum" | "scalar" => {
		if (inner.type === messageType) field.message = find(inner.typeName.slice(1)) as DescMessage;
		else if (inner.type === enumType) field.enum = find(inner.typeName.slice(1)) as DescEnum;
		else field.scalar = inner.type;
		return inner.type === messageType ? "message" : inner.type === enumType ? "enum" : "scalar";
	};
	const entry = label === repeatedLabel && type === messageType ? findEntry(typeName) : undefined;
	if (entry !== undefined) {
		const [key, value] = listParts(entry, 2).map(readField) as [WrittenField, WrittenField];
		field.fieldKind = "map";
		field.mapKey = key.type;
		field.mapKind = refer(value);
		field.packed = undefined;
	} else if (label === repeatedLabel) {
		field.fieldKind = "list";
		field.listKind = refer(written);
	} else {
		field.fieldKind = refer(written);
		field.getDefaultValue = () => (defaultValue === undefined ? undefined : parseDefault(field, defaultValue));
	}
	if (type === messageType) field.delimitedEncoding = false;
}

/** A default of proto2, as it is written in a definition. Bytes have none in these files. */
function parseDefault(field: Field, text: string): string | number | boolean | undefined {
	if (field.enum !== undefined) return field.enum.values.find(({ name }) => name === text)?.number;
	if (field.scalar === stringType) return text;
	return text === "true" || text === "false" ? text === "true" : Number(text);
}
