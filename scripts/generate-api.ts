/** Generates the xDS messages into src/api/gen: the import closure of the roots below, as JavaScript with declarations.
 *  The .proto files come from the published package that ships them; nothing generated is committed. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const project = resolve(import.meta.dirname, "..");
const trees = ["envoy-api", "xds", "googleapis", "protoc-gen-validate"].map((tree) =>
	join(project, "node_modules/@grpc/grpc-js-xds/deps", tree),
);
const ownTree = join(project, "proto");
const output = join(project, "src/api/gen");

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

function locate(file: string): string | undefined {
	return [...trees, ownTree].map((tree) => join(tree, file)).find((path) => existsSync(path));
}

/** Hydrating a file adds what it imports to a registry of its own, and what those import, along every path through the graph: most of
 *  the time that loading takes. A file names only types of the files it imports itself, so that is all it is given. */
function shortenHydration(folder: string): void {
	writeFileSync(
		join(folder, "file-desc.js"),
		`import { fileDesc as hydrate } from "@bufbuild/protobuf/codegenv2";

export function fileDesc(b64, imports) {
	return hydrate(b64, imports?.map((file) => Object.create(file, { dependencies: { value: [] } })));
}
`,
	);
	for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
		if (!name.endsWith("_pb.js")) continue;
		const path = join(folder, name);
		const own = `${"../".repeat(name.split("/").length - 1) || "./"}file-desc.js`;
		const text = readFileSync(path, "utf8").replace(
			/import \{([^}]*)\bfileDesc\b,?([^}]*)\} from "@bufbuild\/protobuf\/codegenv2";/,
			`import { fileDesc } from "${own}";\nimport {$1$2} from "@bufbuild/protobuf/codegenv2";`,
		);
		writeFileSync(path, text);
	}
}

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
		const target = join(scratch, "proto", file);
		mkdirSync(dirname(target), { recursive: true });
		writeFileSync(target, text);
		for (const match of text.matchAll(/^import\s+(?:public\s+|weak\s+)?"([^"]+)";/gm)) pending.push(match[1] as string);
	}
	rmSync(output, { recursive: true, force: true });
	mkdirSync(output, { recursive: true });
	const bin = join(project, "node_modules/.bin");
	writeFileSync(join(scratch, "buf.yaml"), "version: v2\nmodules:\n  - path: proto\n");
	writeFileSync(
		join(scratch, "buf.gen.yaml"),
		JSON.stringify({
			version: "v2",
			plugins: [{ local: [join(bin, "protoc-gen-es")], out: output, opt: ["target=js+dts", "import_extension=js"] }],
		}),
	);
	execFileSync(join(bin, "buf"), ["generate", scratch, "--template", join(scratch, "buf.gen.yaml")], {
		stdio: "inherit",
		cwd: scratch,
	});
	shortenHydration(output);
	const files = [...seen].sort();
	const names = files.map((_, index) => `f${index}`);
	const imports = files.map((file, index) => {
		const generated = file.replace(/\.proto$/, "_pb.js");
		const symbol = `file_${file.replace(/\.proto$/, "").replace(/[^a-zA-Z0-9]/g, "_")}`;
		return `import { ${symbol} as ${names[index]} } from "./${generated}";`;
	});
	writeFileSync(join(output, "files.js"), `${imports.join("\n")}\nexport const files = [${names.join(", ")}];\n`);
	writeFileSync(
		join(output, "files.d.ts"),
		'import type { DescFile } from "@bufbuild/protobuf";\nexport declare const files: DescFile[];\n',
	);
	process.stdout.write(`generated ${files.length} files into src/api/gen (${readdirSync(output).join(", ")})\n`);
} finally {
	rmSync(scratch, { recursive: true, force: true });
}
