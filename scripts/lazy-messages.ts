/** Rewrites generated messages so that loading them makes nothing: their descriptors go into one file of parts, and the modules keep the
 *  names and the offsets (src/api/descriptors.ts reads them). Declarations stay as they were generated. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import {
	create,
	type DescEnum,
	type DescExtension,
	type DescFile,
	type DescMessage,
	type DescService,
	type MessageInitShape,
	toBinary,
} from "@bufbuild/protobuf";
import {
	type DescriptorProto,
	type EnumDescriptorProto,
	type FileDescriptorProto,
	FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

type Exported = DescFile | DescMessage | DescEnum | DescExtension | DescService | Readonly<Record<string, unknown>>;

/** The number of `validate.rules` and `validate.required` among the options of fields and oneofs. */
const rulesNumber = 1071;

/** Rewrites the modules below `folder`, which lies where `src/api/gen` will be. */
export async function makeMessagesLazy(folder: string): Promise<void> {
	shortenHydration(folder);
	const parts = createParts();
	const loaded = new Map<string, Readonly<Record<string, Exported>>>();
	for (const name of listModules(folder)) loaded.set(name, await import(join(folder, name)));
	for (const [name, exported] of loaded) writeFileSync(join(folder, name), formatModule(name, exported, parts));
	writeFileSync(join(folder, "descriptors.bin"), parts.join());
	rmSync(join(folder, "hydrate.js"));
}

/** Hydrating a file adds what it imports to a registry of its own, and what those import, along every path through the graph: a minute.
 *  A file names only types of the files it imports itself, so that is all it is given. */
function shortenHydration(folder: string): void {
	writeFileSync(
		join(folder, "hydrate.js"),
		`import { fileDesc as hydrate } from "@bufbuild/protobuf/codegenv2";

export function fileDesc(b64, imports) {
	return hydrate(b64, imports?.map((file) => Object.create(file, { dependencies: { value: [] } })));
}
`,
	);
	for (const name of listModules(folder)) {
		const path = join(folder, name);
		const text = readFileSync(path, "utf8").replace(
			/import \{([^}]*)\bfileDesc\b,?([^}]*)\} from "@bufbuild\/protobuf\/codegenv2";/,
			`import { fileDesc } from "${relative(dirname(name), "hydrate.js").replace(/^h/, "./h")}";\nimport {$1$2} from "@bufbuild/protobuf/codegenv2";`,
		);
		writeFileSync(path, text);
	}
}

function listModules(folder: string): string[] {
	return readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith("_pb.js"));
}

interface Parts {
	/** @returns where the part is */
	add(part: FileDescriptorProto): number;
	join(): Buffer;
}

function createParts(): Parts {
	const chunks: Uint8Array[] = [];
	let offset = 0;
	return {
		add(part) {
			const bytes = toBinary(FileDescriptorProtoSchema, part);
			const length = Buffer.alloc(4);
			length.writeUInt32LE(bytes.length);
			chunks.push(length, bytes);
			const start = offset;
			offset += 4 + bytes.length;
			return start;
		},
		join: () => Buffer.concat(chunks),
	};
}

function formatModule(name: string, exported: Readonly<Record<string, Exported>>, parts: Parts): string {
	const [fileName, file] = Object.entries(exported).find(([, value]) => value["kind"] === "file") as [string, DescFile];
	const offsets = addParts(file, parts);
	const own = relative(dirname(name), "../descriptors.ts");
	const lines: string[] = [];
	const factories = new Set(["fileDesc"]);
	for (const [symbol, value] of Object.entries(exported)) {
		if (value["kind"] === "file") continue;
		const factory = factoryOf(value["kind"]);
		if (factory === undefined) {
			lines.push(`export const ${symbol} = ${JSON.stringify(value)};`);
			continue;
		}
		factories.add(factory);
		const type = value as DescMessage;
		const call = `${factory}(${fileName}, ${JSON.stringify(type.typeName)}, ${offsets.get(partOf(type))})`;
		lines.push(`export const ${symbol} = ${call};`);
	}
	const dependencies = file.dependencies.map((dependency) => ({
		symbol: symbolOf(dependency),
		from: moduleOf(dependency, name),
	}));
	const list = dependencies.map(({ symbol }) => symbol).join(", ");
	return [
		`import { ${[...factories].sort().join(", ")} } from "${own}";`,
		...dependencies.map(({ symbol, from }) => `import { ${symbol} } from "${from}";`),
		`export const ${fileName} = fileDesc(${JSON.stringify(file.proto.name)}, ${JSON.stringify(file.proto.package)}, ${file.edition}, [${list}]);`,
		...lines,
		"",
	].join("\n");
}

function factoryOf(kind: unknown): string | undefined {
	switch (kind) {
		case "message":
			return "messageDesc";
		case "enum":
			return "enumDesc";
		case "extension":
			return "extDesc";
		case "service":
			return "serviceDesc";
		default:
			return undefined;
	}
}

/** The name of the part that a type is in. */
function partOf(type: DescMessage | DescEnum | DescExtension | DescService): string {
	const parent = type.kind === "service" ? undefined : type.parent;
	if (parent !== undefined) return partOf(parent);
	return type.kind === "extension" ? "extensions" : type.typeName;
}

/** Puts the parts of a file behind the others. */
function addParts(file: DescFile, parts: Parts): ReadonlyMap<string, number> {
	const offsets = new Map<string, number>();
	const { name, package: packageName, syntax, edition } = file.proto;
	const add = (part: string, content: MessageInitShape<typeof FileDescriptorProtoSchema>): void => {
		const proto = create(FileDescriptorProtoSchema, { name, package: packageName, syntax, edition, ...content });
		proto.dependency = listForeignNames(proto);
		offsets.set(part, parts.add(proto));
	};
	for (const { proto, typeName } of file.messages) add(typeName, { messageType: [strip(proto)] });
	for (const { proto, typeName } of file.enums) add(typeName, { enumType: [stripEnum(proto)] });
	for (const { proto, typeName } of file.services) add(typeName, { service: [proto] });
	if (file.proto.extension.length > 0) add("extensions", { extension: file.proto.extension });
	return offsets;
}

/** The types that a part names and does not contain. */
function listForeignNames(part: FileDescriptorProto): string[] {
	const own = new Set<string>();
	const named = new Set<string>();
	const visit = (message: DescriptorProto, scope: string): void => {
		const name = `${scope}.${message.name}`;
		own.add(name);
		for (const type of message.enumType) own.add(`${name}.${type.name}`);
		for (const field of [...message.field, ...message.extension]) named.add(field.typeName).add(field.extendee);
		for (const nested of message.nestedType) visit(nested, name);
	};
	for (const message of part.messageType) visit(message, part.package === "" ? "" : `.${part.package}`);
	for (const field of part.extension) named.add(field.typeName).add(field.extendee);
	for (const { method } of part.service)
		for (const { inputType, outputType } of method) named.add(inputType).add(outputType);
	return [...named].filter((name) => name !== "" && !own.has(name)).map((name) => name.slice(1));
}

/** Leaves out the options that nothing reads: all but the rules, and what makes a message the entry of a map. */
function strip(message: DescriptorProto): DescriptorProto {
	if (message.options?.mapEntry !== true) delete message.options;
	for (const part of [...message.field, ...message.oneofDecl]) {
		const rules = part.options?.$unknown?.filter(({ no }) => no === rulesNumber) ?? [];
		if (rules.length === 0) delete part.options;
		else part.options!.$unknown = rules;
	}
	for (const nested of message.nestedType) strip(nested);
	for (const nested of message.enumType) stripEnum(nested);
	return message;
}

function stripEnum(type: EnumDescriptorProto): EnumDescriptorProto {
	delete type.options;
	for (const value of type.value) delete value.options;
	return type;
}

/** The constant of a file, as generated modules call it. */
function symbolOf(file: DescFile): string {
	return `file_${file.name.replace(/[^a-zA-Z0-9]/g, "_")}`;
}

/** From where the module `name` imports that constant. */
function moduleOf(file: DescFile, name: string): string {
	if (file.name.startsWith("google/protobuf/")) return "@bufbuild/protobuf/wkt";
	const path = relative(dirname(name), `${file.name}_pb.js`);
	return path.startsWith(".") ? path : `./${path}`;
}
