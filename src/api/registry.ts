import type { DescExtension, DescMessage, Registry } from "@bufbuild/protobuf";
import { StringValueSchema } from "@bufbuild/protobuf/wkt";
import { files } from "./gen/files.js";
import type { LazyFile } from "./lazy-descriptors.ts";

type DescType = NonNullable<ReturnType<Registry["get"]>>;

/** Every generated message type, to pack and unpack `google.protobuf.Any` and to read `@type` in JSON. */
export const apiRegistry: Registry = createLazyRegistry(files as LazyFile[]);

/** The type URL of a message, e.g. `type.googleapis.com/envoy.config.listener.v3.Listener`. */
export function typeUrlOf(schema: DescMessage): string {
	return `type.googleapis.com/${schema.typeName}`;
}

/** A registry that knows types by name without looking into them, which the library's own would. */
function createLazyRegistry(files: readonly LazyFile[]): Registry {
	const types = new Map<string, DescType>();
	for (const file of files) for (const [name, type] of file.types) types.set(name, type);
	// The one of the library's own that stands in configuration by itself: names of filter chains.
	types.set(StringValueSchema.typeName, StringValueSchema);
	const get = <K extends DescType["kind"]>(kind: K, name: string): Extract<DescType, { kind: K }> | undefined => {
		const type = types.get(name);
		return type?.kind === kind ? (type as Extract<DescType, { kind: K }>) : undefined;
	};
	const isExtensionOf = (type: DescType, { typeName }: DescMessage, number: number): type is DescExtension =>
		type.kind === "extension" && type.extendee.typeName === typeName && type.number === number;
	return {
		kind: "registry",
		[Symbol.iterator]: () => types.values(),
		get: (name) => types.get(name),
		getMessage: (name) => get("message", name),
		getEnum: (name) => get("enum", name),
		getExtension: (name) => get("extension", name),
		getExtensionFor: (extendee, number) => [...types.values()].find((type) => isExtensionOf(type, extendee, number)),
		getService: (name) => get("service", name),
	};
}
