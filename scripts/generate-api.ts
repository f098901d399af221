/** Generates the xDS messages into src/api/gen: the import closure of the roots below, as JavaScript with declarations.
 *  The .proto files come from the published package that ships them; nothing generated is committed. */
import { execFileSync } from "node:child_process";
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { makeMessagesLazy } from "./lazy-messages.ts";

const project = resolve(import.meta.dirname, "..");
const trees = ["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map((tree) =>
	join(project, "node_modules/@grpc/grpc-js-xds/deps", tree),
);
const ownTree = join(project, "proto");
const output = join(project, "src/api/gen");
/** Where the messages are made, so that they are there until newer ones are. */
const staging = `${output}.new`;

const roots = readFileSync(join(ownTree, "roots.txt"), "utf8")
	.split("\n")
	.map((line) => line.trim())
	.filter((line) => line !== "" && !line.startsWith("#"));

/** Fields of the validate.proto that Envoy's tree uses and the published copy lacks. */
function patchValidate(text: string): string {
	if (text.includes("ignore_empty")) {
		const stringRules = text.slice(text.indexOf("message StringRules"), text.indexOf("message BytesRules"));
		if (stringRules.includes("ignore_empty")) return text;
	}
	return text.replace(/message StringRules \{/, "message StringRules {\n    optional bool ignore_empty = 26;");
}

/** The lines of additions.txt by file. */
function readAdditions(): ReadonlyMap<string, readonly string[]> {
	const additions = new Map<string, string[]>();
	let current: string[] = [];
	for (const line of readFileSync(join(ownTree, "additions.txt"), "utf8").split("\n")) {
		if (line.trim() === "" || line.startsWith("#")) continue;
		if (line.startsWith(" ")) {
			current.push(line.trim());
			continue;
		}
		current = additions.get(line.trim()) ?? [];
		additions.set(line.trim(), current);
	}
	return additions;
}

/** Puts one line of additions.txt into a file. What is there already stays as it is. */
function addTo(text: string, line: string, file: string): string {
	if (line.startsWith("import ")) {
		const statement = `import "${line.slice(7)}";`;
		return text.includes(statement) ? text : text.replace(/^package [^;]+;/m, (found) => `${found}\n${statement}`);
	}
	if (line.startsWith("s/")) {
		const [before = "", after = ""] = line.slice(2, -1).split(";/");
		return text.replaceAll(`${before};`, after.endsWith(";") ? after : `${after};`);
	}
	const colon = line.indexOf(":");
	const declaration = line.slice(colon + 1).trim();
	if (colon === 0) return `${text}\n${declaration}\n`;
	let at = 0;
	for (const part of line.slice(0, colon).split(".")) {
		const found = new RegExp(`\\b(?:message|oneof|enum) ${part} \\{`).exec(text.slice(at));
		if (found === null) throw new Error(`${file}: additions.txt names ${line.slice(0, colon)}, which is not there`);
		at += found.index + found[0].length;
	}
	return `${text.slice(0, at)}\n  ${declaration}${text.slice(at)}`;
}

function locate(file: string): string | undefined {
	return [...trees, ownTree].map((tree) => join(tree, file)).find((path) => existsSync(path));
}

const additions = readAdditions();
const scratch = mkdtempSync(join(tmpdir(), "amime-proto-"));
try {
	const pending = [...roots];
	const seen = new Set<string>();
	while (pending.length > 0) {
		const file = pending.pop() as string;
		if (seen.has(file) || file.startsWith("google/protobuf/")) continue;
		seen.add(file);
		const path = locate(file);
		if (path === undefined) throw new Error(`${file}: not found in ${trees.join(", ")}`);
		let text = readFileSync(path, "utf8");
		if (file === "validate/validate.proto") text = patchValidate(text);
		for (const line of additions.get(file) ?? []) text = addTo(text, line, file);
		const target = join(scratch, "proto", file);
		mkdirSync(dirname(target), { recursive: true });
		writeFileSync(target, text);
		for (const match of text.matchAll(/^import\s+(?:public\s+|weak\s+)?"([^"]+)";/gm)) pending.push(match[1] as string);
	}
	rmSync(staging, { recursive: true, force: true });
	mkdirSync(staging, { recursive: true });
	const bin = join(project, "node_modules/.bin");
	writeFileSync(join(scratch, "buf.yaml"), "version: v2\nmodules:\n  - path: proto\n");
	writeFileSync(
		join(scratch, "buf.gen.yaml"),
		JSON.stringify({
			version: "v2",
			plugins: [
				// In one run: one for each of 150 folders takes a minute.
				{
					local: [join(bin, "protoc-gen-es")],
					strategy: "all",
					out: staging,
					opt: ["target=js+dts", "import_extension=js"],
				},
			],
		}),
	);
	execFileSync(join(bin, "buf"), ["generate", scratch, "--template", join(scratch, "buf.gen.yaml")], {
		stdio: "inherit",
		cwd: scratch,
	});
	await makeMessagesLazy(staging);
	const files = [...seen].sort();
	const names = files.map((_, index) => `f${index}`);
	const imports = files.map((file, index) => {
		const generated = file.replace(/\.proto$/, "_pb.js");
		const symbol = `file_${file.replace(/\.proto$/, "").replace(/[^a-zA-Z0-9]/g, "_")}`;
		return `import { ${symbol} as ${names[index]} } from "./${generated}";`;
	});
	writeFileSync(join(staging, "files.js"), `${imports.join("\n")}\nexport const files = [${names.join(", ")}];\n`);
	writeFileSync(
		join(staging, "files.d.ts"),
		'import type { DescFile } from "@bufbuild/protobuf";\nexport declare const files: DescFile[];\n',
	);
	rmSync(output, { recursive: true, force: true });
	renameSync(staging, output);
	process.stdout.write(`generated ${files.length} files into src/api/gen (${readdirSync(output).join(", ")})\n`);
} finally {
	rmSync(scratch, { recursive: true, force: true });
}
