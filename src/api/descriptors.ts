/** Descriptors of the generated messages, made when they are first looked into: there are thousands of fields, and a process uses few.
 *  The parts of all files (a message with all in it, an enum, a service, the extensions of a file) lie one behind another in
 *  `gen/descriptors.bin`, each behind its length; the generated modules name the offsets. */
import { openSync, readSync } from "node:fs";
import {
	createFileRegistry,
	type DescEnum,
	type DescExtension,
	type DescField,
	type DescFile,
	type DescMessage,
	type DescMethod,
	type DescService,
	fromBinary,
} from "@bufbuild/protobuf";
import { Edition, FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { describePart, type FindType } from "./described-part.ts";

type DescType = DescMessage | DescEnum | DescExtension | DescService;
type Kind = DescType["kind"];
type Describe<T extends DescType> = (file: LazyFile, typeName: string, offset: number) => T;

/** A file whose types are known by name before anything in them is looked into. */
export interface LazyFile extends DescFile {
	/** The types of the file, nested ones too, by full name. */
	readonly types: ReadonlyMap<string, DescType>;
}

/** What a descriptor of each kind has besides its name, its kind and its file. */
const propertiesOf: Readonly<Record<Kind, readonly string[]>> = {
	message: [
		...["proto", "deprecated", "parent", "name", "fields", "field", "oneofs", "members"],
		...["nestedEnums", "nestedMessages", "nestedExtensions"],
	],
	enum: ["proto", "deprecated", "parent", "name", "open", "value", "values", "sharedPrefix"],
	extension: [
		...[
			"proto",
			"deprecated",
			"parent",
			"name",
			"oneof",
			"jsonName",
			"number",
			"extendee",
			"presence",
			"utf8Validation",
		],
		...["fieldKind", "scalar", "message", "enum", "listKind", "mapKind", "mapKey", "delimitedEncoding", "packed"],
		...["longAsString", "getDefaultValue"],
	],
	service: ["proto", "deprecated", "name", "methods", "method"],
};

/** Describes a file; `dependencies` are those whose types it names. */
export function fileDesc(path: string, packageName: string, edition: number, dependencies: DescFile[]): LazyFile {
	const types = new Map<string, DescType>();
	const list = (kind: Kind): DescType[] =>
		[...types.values()].filter((type) => type.kind === kind && (type as DescMessage).parent === undefined);
	const file: unknown = {
		kind: "file",
		name: path.replace(/\.proto$/, ""),
		proto: { name: path, package: packageName },
		deprecated: false,
		edition,
		dependencies,
		types,
		get messages() {
			return list("message");
		},
		get enums() {
			return list("enum");
		},
		get extensions() {
			return list("extension");
		},
		get services() {
			return list("service");
		},
		toString: () => `file ${path}`,
	};
	return file as LazyFile;
}

/** Describes a message. */
export const messageDesc = createDescribe<DescMessage>("message");
/** Describes an enum. */
export const enumDesc = createDescribe<DescEnum>("enum");
/** Describes an extension. */
export const extDesc = createDescribe<DescExtension>("extension");
/** Describes a service. */
export const serviceDesc = createDescribe<DescService>("service");

function createDescribe<T extends DescType>(kind: T["kind"]): Describe<T> {
	class LazyDescriptor {
		readonly kind = kind;
		readonly typeName: string;
		readonly file: LazyFile;
		readonly offset: number;
		constructor(file: LazyFile, typeName: string, offset: number) {
			this.typeName = typeName;
			this.file = file;
			this.offset = offset;
		}
		toString(): string {
			return `${kind} ${this.typeName}`;
		}
	}
	const getters: PropertyDescriptorMap = {};
	for (const name of propertiesOf[kind]) {
		getters[name] = {
			enumerable: true,
			configurable: true,
			get(this: LazyDescriptor & Record<string, unknown>) {
				makePart(this.file, this.offset);
				return this[name];
			},
		};
	}
	// The library copies extensions, and a copy takes only what is a descriptor's own.
	if (kind !== "extension") Object.defineProperties(LazyDescriptor.prototype, getters);
	return (file, typeName, offset) => {
		const lazy: unknown = new LazyDescriptor(file, typeName, offset);
		if (kind === "extension") Object.defineProperties(lazy, getters);
		(file.types as Map<string, DescType>).set(typeName, lazy as T);
		return lazy as T;
	};
}

/** The file of parts stays open: another one may take its name while this process runs. */
const parts: { descriptor?: number } = {};

/** Parts that are used together lie together: what was read last, and from where. */
const window: { at: number; bytes: Buffer } = { at: 0, bytes: Buffer.alloc(0) };
const windowBytes = 16 * 1024;

/** The part at an offset: a file with nothing else in it, whose dependencies are the names of the types that it needs from elsewhere. */
function readPart(offset: number): Buffer {
	const length = readBytes(offset, 4).readUInt32LE();
	return readBytes(offset + 4, length);
}

function readBytes(position: number, length: number): Buffer {
	if (position < window.at || position + length > window.at + window.bytes.length) {
		parts.descriptor ??= openSync(new URL("./gen/descriptors.bin", import.meta.url), "r");
		// What was made of the last window refers to it.
		const bytes = Buffer.allocUnsafeSlow(Math.max(windowBytes, length));
		const got = readSync(parts.descriptor, bytes, 0, bytes.length, position);
		if (got < length)
			throw new Error(`src/api/gen/descriptors.bin ends at ${position + got}: npm run generate makes it anew`);
		Object.assign(window, { at: position, bytes: bytes.subarray(0, got) });
	}
	return window.bytes.subarray(position - window.at, position - window.at + length);
}

/** Makes the descriptors of a part, and gives what was made to the descriptors that everybody holds. */
function makePart(file: LazyFile, offset: number): void {
	const part = readPart(offset);
	const find = (typeName: string): DescType => {
		const found = findType(file, typeName);
		if (found === undefined) throw new Error(`the messages in src/api/gen do not fit together: ${typeName} is missing`);
		return found;
	};
	const scope = file.proto.package === "" ? "" : `${file.proto.package}.`;
	const made = file.edition === Edition.EDITION_PROTO3 ? describePart(part, scope, find as FindType) : undefined;
	if (made === undefined) makeByLibrary(file, part);
	for (const { holder, properties } of made ?? [])
		Object.defineProperties(holder, Object.getOwnPropertyDescriptors(properties));
}

/** Has the library make them. */
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
