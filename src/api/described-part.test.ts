import assert from "node:assert/strict";
import { test } from "node:test";
import {
	create,
	createFileRegistry,
	type DescEnum,
	type DescFile,
	type DescMessage,
	type MessageInitShape,
} from "@bufbuild/protobuf";
import { Edition, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { apiRegistry } from "./index.ts";

type DescType = DescMessage | DescEnum;
type Shown = string | number | boolean | undefined | readonly Shown[] | { readonly [name: string]: Shown };

test("a type is described as the library describes it", () => {
	let compared = 0;
	for (const type of apiRegistry) {
		if (type.kind !== "message" && type.kind !== "enum") continue;
		if (type.parent !== undefined) continue;
		if (type.typeName.startsWith("google.protobuf.")) continue;
		const made = makeByLibrary(type);
		assert.deepEqual(show(type), show(made), type.typeName);
		compared++;
	}
	assert.ok(compared > 500, `${compared} types`);
});

/** The same type from the same definition. */
function makeByLibrary(type: DescType): DescType {
	const { name, package: packageName } = type.file.proto;
	const syntax = type.file.edition === Edition.EDITION_PROTO2 ? "proto2" : "proto3";
	const content: MessageInitShape<typeof FileDescriptorProtoSchema> =
		type.kind === "enum" ? { enumType: [type.proto] } : { messageType: [type.proto] };
	const foreign = new Map(type.kind === "enum" ? [] : listForeignTypes(type).map((other) => [other.typeName, other]));
	const file = { name, package: packageName, syntax, dependency: [...foreign.keys()], ...content };
	const registry = createFileRegistry(create(FileDescriptorProtoSchema, file), (path) => wrap(foreign.get(path)!));
	return registry.get(type.typeName) as DescType;
}

/** The types that a message and its nested ones name and do not contain. */
function listForeignTypes(message: DescMessage): DescType[] {
	const named = message.fields.flatMap(({ message: inner, enum: values }) => inner ?? values ?? []);
	const nested = message.nestedMessages.flatMap(listForeignTypes);
	return [...named, ...nested].filter(({ typeName }) => !`${typeName}.`.startsWith(`${message.typeName}.`));
}

/** A type of another file as the only one of a file. */
function wrap(type: DescType): DescFile {
	const empty = { value: [] };
	const bare: unknown = Object.create(type, { nestedMessages: empty, nestedEnums: empty, nestedExtensions: empty });
	const none = { messages: [], enums: [], extensions: [], services: [], dependencies: [] };
	const file: unknown = { kind: "file", proto: { name: type.typeName }, ...none, [`${type.kind}s`]: [bare] };
	return file as DescFile;
}

/** All that is in a type, other types by name. */
function show(type: DescType): Shown {
	const { kind, typeName, name, deprecated, proto } = type;
	const common = { kind, typeName, name, deprecated, text: String(type), proto: toText(proto) };
	if (type.kind === "enum")
		return { ...common, open: type.open, sharedPrefix: type.sharedPrefix, values: type.values.map(showPart) };
	return {
		...common,
		parent: type.parent?.typeName,
		fields: type.fields.map(showPart),
		byName: Object.entries(type.field).map(([key, field]) => [key, field.name]),
		oneofs: type.oneofs.map(showPart),
		members: type.members.map(String),
		nested: [...type.nestedMessages, ...type.nestedEnums].map(show),
	};
}

/** A field, an oneof or a value. */
function showPart(part: object): Shown {
	const shown: Record<string, Shown> = { text: String(part) };
	for (const name of listProperties(part)) {
		const value = (part as Record<string, unknown>)[name];
		if (value === undefined || name === "toString") continue;
		if (typeof value === "function") shown[name] = String(value());
		else if (name === "proto") shown[name] = toText(value);
		else if (Array.isArray(value)) shown[name] = value.map(String);
		else if (typeof value === "object" && value !== null)
			shown[name] = (value as DescMessage).typeName ?? String(value);
		else shown[name] = value as Shown;
	}
	return shown;
}

/** Its own properties, and what its class has. */
function listProperties(part: object): string[] {
	const ofClass = Object.getOwnPropertyNames(Object.getPrototypeOf(part)).filter((name) => name === "proto");
	return [...Object.keys(part), ...ofClass];
}

function toText(value: unknown): string {
	return JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner));
}
