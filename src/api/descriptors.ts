/** Makes descriptors of the generated messages when they are first looked into: there are thousands of fields, and a process uses few.
 *  The parts of all files (a message with all in it, an enum, a service, the extensions of a file) lie one behind another in
 *  `gen/descriptors.bin`, each behind its length; the generated modules name the offsets. */
import { closeSync, openSync, readSync } from "node:fs";
import { createFileRegistry, type DescField, type DescFile, type DescMethod, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { FindType } from "./described-field.ts";
import { describeType } from "./described-part.ts";
import { type DescType, type LazyFile, maker, type PartPlace, propertiesOf } from "./lazy-descriptors.ts";

export { enumDesc, extDesc, fileDesc, type LazyFile, messageDesc, serviceDesc } from "./lazy-descriptors.ts";

/** The file of parts stays open: another one may take its name while this process runs. */
const parts: { descriptor?: number | undefined } = {};

/** Closes the file of parts, for a snapshot of this process: what is read next opens it anew. */
export function closeParts(): void {
	if (parts.descriptor !== undefined) closeSync(parts.descriptor);
	parts.descriptor = undefined;
}

/** Parts that are used together lie together: what was read last, and from where. */
const window = { at: 0, bytes: Buffer.allocUnsafeSlow(16 * 1024), length: 0 };

/** The part at an offset: a file with nothing else in it, whose dependencies are the names of the types that it needs from elsewhere. Valid
 *  until the next one is read. */
function readPart(offset: number): Buffer {
	const length = readBytes(offset, 4).readUInt32LE();
	return readBytes(offset + 4, length);
}

function readBytes(position: number, length: number): Buffer {
	if (position < window.at || position + length > window.at + window.length) {
		parts.descriptor ??= openSync(new URL("./gen/descriptors.bin", import.meta.url), "r");
		if (length > window.bytes.length) window.bytes = Buffer.allocUnsafeSlow(length);
		window.at = position;
		window.length = readSync(parts.descriptor, window.bytes, 0, window.bytes.length, position);
		if (window.length < length)
			throw new Error(
				`src/api/gen/descriptors.bin ends at ${position + window.length}: npm run generate makes it anew`,
			);
	}
	return window.bytes.subarray(position - window.at, position - window.at + length);
}

/** Gives a descriptor that everybody holds what it has. */
function make(type: DescType, file: LazyFile, place: PartPlace): void {
	const part = typeof place === "string" ? Buffer.from(place, "base64") : readPart(place);
	const find = (typeName: string): DescType => {
		const found = findType(file, typeName);
		if (found === undefined) throw new Error(`the messages in src/api/gen do not fit together: ${typeName} is missing`);
		return found;
	};
	const scope = file.proto.package === "" ? "" : `${file.proto.package}.`;
	const isProto2 = file.edition === proto2;
	const made =
		file.edition === proto3 || isProto2
			? describeType(part, type, { scope, isProto2, find: find as FindType })
			: undefined;
	if (made === undefined) makeByLibrary(file, Uint8Array.from(part));
	else Object.defineProperties(type, Object.getOwnPropertyDescriptors(made));
}

maker.make = make;

/** `EDITION_PROTO2` and `EDITION_PROTO3`. */
const proto2 = 998;
const proto3 = 999;

/** Has the library make the descriptors of a part. */
function makeByLibrary(file: LazyFile, part: Uint8Array): void {
	const proto = fromBinary(FileDescriptorProtoSchema, part);
	const made = createFileRegistry(proto, (typeName) => wrap(typeName, findType(file, typeName)));
	const madeFile = made.getFile(proto.name);
	const held = <T extends { readonly typeName: string } | undefined>(type: T): T =>
		type === undefined ? type : ((findType(file, type.typeName) as T | undefined) ?? type);
	for (const type of made) {
		if (type.file !== madeFile) continue;
		const holder = held(type);
		for (const name of propertiesOf[type.kind]) {
			const value = link((type as unknown as Record<string, unknown>)[name], holder, held);
			Object.defineProperty(holder, name, { value, enumerable: true });
		}
	}
}

type Held = <T extends { readonly typeName: string } | undefined>(type: T) => T;

/** Lets what was made for one property of `holder` refer to the descriptors that everybody holds. */
function link(value: unknown, holder: DescType, held: Held): unknown {
	if (Array.isArray(value)) return value.map((item) => link(item, holder, held));
	const part = value as { kind?: string } | undefined;
	switch (part?.kind) {
		case "message":
		case "enum":
		case "extension":
			return held(part as DescType);
		case "field": {
			const field = part as DescField;
			return Object.assign(field, { parent: holder, message: held(field.message), enum: held(field.enum) });
		}
		case "rpc": {
			const method = part as DescMethod;
			return Object.assign(method, { parent: holder, input: held(method.input), output: held(method.output) });
		}
		case "oneof":
		case "enum_value":
			return Object.assign(part as object, { parent: holder });
		default:
			return value;
	}
}

/** A type of this file or of one that it imports: Envoy's files import what they name. */
function findType(file: LazyFile, typeName: string): DescType | undefined {
	const own = file.types.get(typeName);
	if (own !== undefined) return own;
	for (const dependency of file.dependencies) {
		const found =
			"types" in dependency
				? (dependency as LazyFile).types.get(typeName)
				: (dependency.messages.find((type) => type.typeName === typeName) ??
					dependency.enums.find((type) => type.typeName === typeName));
		if (found !== undefined) return found;
	}
	return undefined;
}

/** A type as the only one of a file; what it contains is not asked for. */
function wrap(name: string, type: DescType | undefined): DescFile {
	if (type === undefined) throw new Error(`the messages in src/api/gen do not fit together: ${name} is missing`);
	const empty = { value: [] };
	const bare: unknown = Object.create(type, { nestedMessages: empty, nestedEnums: empty, nestedExtensions: empty });
	const none = { messages: [], enums: [], extensions: [], services: [], dependencies: [] };
	const file: unknown = { kind: "file", proto: { name }, ...none, [`${type.kind}s`]: [bare] };
	return file as DescFile;
}
