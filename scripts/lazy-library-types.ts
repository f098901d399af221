/** The library makes its own messages (durations, wrappers, descriptors themselves) when it is loaded, by reflection: a tenth of a proxy's start.
 *  In the bundle they are stated as the generated ones are, and made when something looks into them. */
import {
	create,
	type DescEnum,
	type DescFile,
	type DescMessage,
	type MessageInitShape,
	toBinary,
} from "@bufbuild/protobuf";
import * as library from "@bufbuild/protobuf/wkt";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

const modulePattern = /\/@bufbuild\/protobuf\/dist\/esm\/wkt\/google\/protobuf\/(\w+)_pb\.js$/;
const descriptionPattern = /\/\*@__PURE__\*\/ (message|enum)Desc\(\w+, ([\d, ]+)\)/g;

/** The text of a module of the library, its types stated lazily; undefined for any other module.
 *  @param lazyModule the path of `src/api/lazy-descriptors.ts`
 *  @throws Error when the library's modules look another way */
export function makeLibraryTypesLazy(code: string, id: string, lazyModule: string): string | undefined {
	const name = modulePattern.exec(id)?.[1];
	if (name === undefined) return undefined;
	const file = (library as unknown as Record<string, DescFile | undefined>)[`file_google_protobuf_${name}`];
	// What is not among the library's exports is not in the bundle.
	if (file === undefined || file.dependencies.length > 0) return undefined;
	const places = new Map<DescMessage | DescEnum, string>();
	const constants: string[] = [];
	const addPart = (type: DescMessage | DescEnum, part: MessageInitShape<typeof FileDescriptorProtoSchema>): void => {
		const { name: path, package: packageName, syntax } = file.proto;
		const proto = create(FileDescriptorProtoSchema, { name: path, package: packageName, syntax, ...part });
		const bytes = Buffer.from(toBinary(FileDescriptorProtoSchema, proto)).toString("base64");
		places.set(type, `part${constants.length}`);
		constants.push(`const part${constants.length} = "${bytes}";`);
	};
	for (const type of file.messages) addPart(type, { messageType: [type.proto] });
	for (const type of file.enums) addPart(type, { enumType: [type.proto] });
	const symbol = `file_google_protobuf_${name}`;
	const start = code.search(/\/\*@__PURE__\*\/ (?:fileDesc|boot)\(/);
	const end = code.indexOf("\n", start);
	const lazyFile = `fileDesc(${JSON.stringify(file.proto.name)}, "google.protobuf", ${file.edition}, []);`;
	const isKnown = start > 0 && code.lastIndexOf(`export const ${symbol} = `, start) > 0;
	if (!isKnown) throw new Error(`${id}: the library's messages are made another way: see whether this is still needed`);
	const body = (code.slice(0, start) + lazyFile + code.slice(end))
		.replace(/^import \{ (?:fileDesc|boot|messageDesc|enumDesc) \} from .*$/gm, "")
		.replace(descriptionPattern, (_, kind: string, path: string) => {
			const type = findType(file, kind, path.split(", ").map(Number));
			return `${kind}Desc(${symbol}, ${JSON.stringify(type.typeName)}, ${places.get(topOf(type))})`;
		});
	return [`import { fileDesc, messageDesc, enumDesc } from ${JSON.stringify(lazyModule)};`, ...constants, body].join(
		"\n",
	);
}

/** By the places in their lists, as the library's modules have it: the last one is of an enum where `kind` says so. */
function findType(file: DescFile, kind: string, path: readonly number[]): DescMessage | DescEnum {
	let holder: { messages: readonly DescMessage[]; enums: readonly DescEnum[] } = file;
	for (const [depth, place] of path.entries()) {
		if (depth === path.length - 1) return (kind === "enum" ? holder.enums[place] : holder.messages[place])!;
		const { nestedMessages, nestedEnums } = holder.messages[place]!;
		holder = { messages: nestedMessages, enums: nestedEnums };
	}
	throw new Error(`${file.name}: a type without a place`);
}

function topOf(type: DescMessage | DescEnum): DescMessage | DescEnum {
	return type.parent === undefined ? type : topOf(type.parent);
}
