/** Descriptors of the generated messages that are made when something looks into them, and how modules state them. Imports nothing that is made of
 *  them: the library's own messages are stated with it in the bundle. */
import type { DescEnum, DescExtension, DescFile, DescMessage, DescService } from "@bufbuild/protobuf";

export type DescType = DescMessage | DescEnum | DescExtension | DescService;
type Kind = DescType["kind"];
/** Where the definition of a type and those around it is: an offset in the file of parts, or the part itself in base64. */
export type PartPlace = number | string;
type Describe<T extends DescType> = (file: LazyFile, typeName: string, place: PartPlace) => T;

/** Who makes what a descriptor has: src/api/descriptors.ts, which imports what is made here. */
export const maker: { make: (type: DescType, file: LazyFile, place: PartPlace) => void } = {
	make() {
		throw new Error("invariant broken: nobody makes descriptors yet");
	},
};

/** A file whose types are known by name before anything in them is looked into. */
export interface LazyFile extends DescFile {
	/** The types of the file, nested ones too, by full name. */
	readonly types: ReadonlyMap<string, DescType>;
}

/** What a descriptor of each kind has besides its name, its kind and its file. */
export const propertiesOf: Readonly<Record<Kind, readonly string[]>> = {
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
		readonly place: PartPlace;
		constructor(file: LazyFile, typeName: string, place: PartPlace) {
			this.typeName = typeName;
			this.file = file;
			this.place = place;
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
				maker.make(this as unknown as DescType, this.file, this.place);
				return this[name];
			},
		};
	}
	// The library copies extensions, and a copy takes only what is a descriptor's own.
	if (kind !== "extension") Object.defineProperties(LazyDescriptor.prototype, getters);
	return (file, typeName, place) => {
		const lazy: unknown = new LazyDescriptor(file, typeName, place);
		if (kind === "extension") Object.defineProperties(lazy, getters);
		(file.types as Map<string, DescType>).set(typeName, lazy as T);
		return lazy as T;
	};
}
