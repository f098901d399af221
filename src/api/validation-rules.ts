/** What the messages say of their own values: `validate.rules` of fields and `validate.required` of oneofs, read from their bytes. By the library's
 *  reflection that took a third of a proxy's start. Numbers: protoc-gen-validate, `validate.proto`. */
import type { DescField, DescOneof } from "@bufbuild/protobuf";
import { PartReader } from "./part-reader.ts";

/** The extension of field and oneof options. */
const rulesNumber = 1071;

/** Of one field; what is not said is absent. */
export interface FieldRules {
	/** A message must be set. */
	readonly required: boolean;
	readonly type: TypeRules | undefined;
}

export type TypeRules =
	| { readonly case: "number"; readonly value: NumberRules }
	| { readonly case: "bool"; readonly value: { readonly const?: boolean } }
	| { readonly case: "string"; readonly value: StringRules }
	| { readonly case: "bytes"; readonly value: { readonly minLen?: number; readonly maxLen?: number } }
	| { readonly case: "enum"; readonly value: EnumRules }
	| { readonly case: "repeated"; readonly value: RepeatedRules }
	| { readonly case: "map"; readonly value: { readonly minPairs?: number } }
	| { readonly case: "any" | "timestamp"; readonly value: { readonly required?: boolean } }
	| { readonly case: "duration"; readonly value: DurationRules };

export interface NumberRules {
	readonly lt?: number;
	readonly lte?: number;
	readonly gt?: number;
	readonly gte?: number;
	readonly in?: readonly number[];
	readonly ignoreEmpty?: boolean;
}

export interface StringRules {
	readonly minLen?: number;
	readonly maxLen?: number;
	readonly minBytes?: number;
	readonly maxBytes?: number;
	readonly pattern?: string;
	readonly prefix?: string;
	readonly suffix?: string;
	readonly contains?: string;
	readonly in?: readonly string[];
	readonly notIn?: readonly string[];
	/** A `KnownRegex`. */
	readonly wellKnownRegex?: number;
	/** True where nothing is said. */
	readonly strict?: boolean;
	readonly ignoreEmpty?: boolean;
}

export interface EnumRules {
	readonly definedOnly?: boolean;
	readonly in?: readonly number[];
	readonly notIn?: readonly number[];
}

export interface RepeatedRules {
	readonly minItems?: number;
	readonly maxItems?: number;
	readonly unique?: boolean;
	readonly items?: FieldRules;
}

/** Milliseconds. */
export interface DurationRules {
	readonly required?: boolean;
	readonly lt?: number;
	readonly lte?: number;
	readonly gt?: number;
	readonly gte?: number;
}

/** What a field's rules say; undefined when it has none. */
export function readFieldRules(field: DescField): FieldRules | undefined {
	const bytes = readOption(field);
	return bytes === undefined ? undefined : decodeFieldRules(new PartReader(bytes).bytes());
}

/** Whether one of the choices must be made. */
export function isChoiceRequired(oneof: DescOneof): boolean {
	const bytes = readOption(oneof);
	return bytes !== undefined && new PartReader(bytes).varint() !== 0;
}

/** A part of a message that knows the bytes of its options. */
interface WithOptions {
	readonly optionBytes: Uint8Array | undefined;
}

/** The extension as it is written, its length or number first. */
function readOption(part: DescField | DescOneof): Uint8Array | undefined {
	if (!("optionBytes" in part)) return part.proto.options?.$unknown?.findLast(({ no }) => no === rulesNumber)?.data;
	const bytes = (part as WithOptions).optionBytes;
	if (bytes === undefined) return undefined;
	const reader = new PartReader(bytes);
	while (reader.next()) {
		if (reader.field === rulesNumber) return reader.rest();
		reader.skip();
	}
	return undefined;
}

type Kind = "integer" | "zigzag" | "float" | "double" | "bool" | "text" | "duration" | "rules";
/** The property of a field, and how it is written; several in a list. */
type Shape = Readonly<Record<number, readonly [name: string, kind: Kind, isList?: true]>>;

const numberShape = (kind: Kind): Shape => ({
	2: ["lt", kind],
	3: ["lte", kind],
	4: ["gt", kind],
	5: ["gte", kind],
	6: ["in", kind, true],
	8: ["ignoreEmpty", "bool"],
});

const types: Readonly<Record<number, readonly [name: TypeRules["case"], shape: Shape]>> = {
	1: ["number", numberShape("float")],
	2: ["number", numberShape("double")],
	3: ["number", numberShape("integer")],
	4: ["number", numberShape("integer")],
	5: ["number", numberShape("integer")],
	6: ["number", numberShape("integer")],
	7: ["number", numberShape("zigzag")],
	8: ["number", numberShape("zigzag")],
	13: ["bool", { 1: ["const", "bool"] }],
	14: [
		"string",
		{
			2: ["minLen", "integer"],
			3: ["maxLen", "integer"],
			4: ["minBytes", "integer"],
			5: ["maxBytes", "integer"],
			6: ["pattern", "text"],
			7: ["prefix", "text"],
			8: ["suffix", "text"],
			9: ["contains", "text"],
			10: ["in", "text", true],
			11: ["notIn", "text", true],
			24: ["wellKnownRegex", "integer"],
			25: ["strict", "bool"],
			26: ["ignoreEmpty", "bool"],
		},
	],
	15: ["bytes", { 2: ["minLen", "integer"], 3: ["maxLen", "integer"] }],
	16: ["enum", { 2: ["definedOnly", "bool"], 3: ["in", "integer", true], 4: ["notIn", "integer", true] }],
	18: [
		"repeated",
		{ 1: ["minItems", "integer"], 2: ["maxItems", "integer"], 3: ["unique", "bool"], 4: ["items", "rules"] },
	],
	19: ["map", { 1: ["minPairs", "integer"] }],
	20: ["any", { 1: ["required", "bool"] }],
	21: [
		"duration",
		{
			1: ["required", "bool"],
			3: ["lt", "duration"],
			4: ["lte", "duration"],
			5: ["gt", "duration"],
			6: ["gte", "duration"],
		},
	],
	22: ["timestamp", { 1: ["required", "bool"] }],
};

const messageRules = 17;
const messageShape: Shape = { 2: ["required", "bool"] };

function decodeFieldRules(bytes: Uint8Array): FieldRules {
	let required = false;
	let type: TypeRules | undefined;
	const reader = new PartReader(bytes);
	while (reader.next()) {
		const known = types[reader.field];
		if (reader.field === messageRules) required = decode(reader.bytes(), messageShape)["required"] === true;
		else if (known === undefined) reader.skip();
		else type = { case: known[0], value: decode(reader.bytes(), known[1]) } as TypeRules;
	}
	return { required, type };
}

function decode(bytes: Uint8Array, shape: Shape): Record<string, unknown> {
	const decoded: Record<string, unknown> = {};
	const reader = new PartReader(bytes);
	while (reader.next()) {
		const part = shape[reader.field];
		if (part === undefined) {
			reader.skip();
			continue;
		}
		const [name, kind, isList] = part;
		if (isList !== true) decoded[name] = readValue(reader, kind);
		else {
			decoded[name] ??= [];
			const list = decoded[name] as unknown[];
			if (kind === "text" || !reader.isDelimited) list.push(readValue(reader, kind));
			else for (const packed = new PartReader(reader.bytes()); packed.hasMore; ) list.push(readValue(packed, kind));
		}
	}
	return decoded;
}

function readValue(reader: PartReader, kind: Kind): unknown {
	switch (kind) {
		case "integer":
			return reader.integer();
		case "zigzag": {
			const value = reader.varint();
			return (value >>> 1) ^ -(value & 1);
		}
		case "float":
			return reader.view(4).getFloat32(0, true);
		case "double":
			return reader.view(8).getFloat64(0, true);
		case "bool":
			return reader.varint() !== 0;
		case "text":
			return Buffer.from(reader.bytes()).toString("utf8");
		case "duration": {
			const { seconds = 0, nanos = 0 } = decode(reader.bytes(), durationShape) as Record<string, number>;
			return seconds * 1000 + nanos / 1e6;
		}
		case "rules":
			return decodeFieldRules(reader.bytes());
	}
}

const durationShape: Shape = { 1: ["seconds", "integer"], 2: ["nanos", "integer"] };
