/** Enums of descriptors, made from their bytes. */
import { type DescEnum, type DescEnumValue, type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { EnumDescriptorProtoSchema, EnumValueDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { PartReader } from "./part-reader.ts";
import { escapeProperty, listParts, readName } from "./part-shape.ts";

/** What an enum has. */
export function describeEnum(
	bytes: Uint8Array,
	holder: DescEnum,
	parent: DescMessage | undefined,
	isProto2: boolean,
): object {
	const name = readName(bytes);
	const values = listParts(bytes, 2);
	const sharedPrefix = findSharedPrefix(name, values.map(readName));
	const described = values.map((value) => new EnumValue(value, holder, sharedPrefix?.length ?? 0));
	const byNumber: Record<number, DescEnumValue> = {};
	for (const value of described) byNumber[value.number] ??= value as unknown as DescEnumValue;
	return {
		...{ deprecated: false, parent, name, open: !isProto2, sharedPrefix, value: byNumber },
		values: described as unknown as DescEnumValue[],
		get proto() {
			return fromBinary(EnumDescriptorProtoSchema, bytes);
		},
	};
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

/** `MY_ENUM_` of `enum MyEnum { MY_ENUM_A = 0; MY_ENUM_B = 1; }`, in lower case as the library has it. */
function findSharedPrefix(name: string, values: readonly string[]): string | undefined {
	const prefix = `${name.slice(0, 1)}${name.slice(1).replace(/[A-Z]/g, "_$&")}_`.toLowerCase();
	const isShared = values.every((value) => {
		const rest = value.slice(prefix.length);
		return value.toLowerCase().startsWith(prefix) && rest !== "" && !/^\d/.test(rest);
	});
	return isShared ? prefix : undefined;
}
