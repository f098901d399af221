import { hash } from "node:crypto";
import {
	copyFileSync,
	existsSync,
	mkdirSync,
	readFileSync,
	realpathSync,
	renameSync,
	rmSync,
	statSync,
	utimesSync,
	writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { type CodeSplittingGroup, type Plugin, rolldown } from "rolldown";
import { type LateParts, lateParts } from "./late-parts.ts";
import { makeLibraryTypesLazy } from "./lazy-library-types.ts";
import { makeSnapshot, type SnapshotOptions } from "./make-snapshot.ts";
import { makeExportsPlain } from "./plain-exports.ts";

/** What is bundled. */
export interface BundleOptions {
	/** The project's folder: the bundle goes into its `dist`. */
	readonly root: string;
	/** The modules that are started, by the name of their file in `dist/main`; paths in the project. */
	readonly entries: Readonly<Record<string, string>>;
	/** Files that modules read beside them, by their place in `dist/main`. */
	readonly assets: Readonly<Record<string, string>>;
	/** Files of the project that stand for folders of generated code: those are made as a whole. */
	readonly stamps: Readonly<Record<string, string>>;
	/** Parts of the project that are loaded when something of them is used. */
	readonly late: LateParts;
	/** The snapshot that is made of an entry; none by default. */
	readonly snapshot?: SnapshotOptions;
}

/** This project's bundle. */
export function bundleOf(root: string): BundleOptions {
	return {
		root,
		entries: {
			run: "src/main/run.ts",
			snapshot: "src/main/snapshot.ts",
			"proxy-worker": "src/main/proxy-worker.ts",
			"call-thread": "src/os/call-thread.ts",
			"pkcs11-thread": "src/os/pkcs11/pkcs11-thread.ts",
		},
		assets: { "gen/descriptors.bin": "src/api/gen/descriptors.bin" },
		stamps: { "src/api/gen": "src/api/gen/descriptors.bin" },
		late: lateParts,
		snapshot: { entry: "snapshot", read: ["bin/check-bundle.cjs"], commands: /^src\/(?:main\/host\.ts|cli\/)/ },
	};
}

/** Modules of Node that are loaded when something of them is used: each costs memory, and many processes never use them. */
const lateModules = [
	...[
		"node:child_process",
		"node:crypto",
		"node:dns/promises",
		"node:http2",
		"node:https",
		"node:timers/promises",
		"node:tls",
		"node:v8",
	],
	...["node:vm", "node:worker_threads", "node:zlib"],
];

/** Packages that are loaded when something of them is used; their modules must be ES modules, for others are run where they are imported. */
const latePackages: Readonly<Record<string, string>> = { yaml: "yaml/browser/dist/index.js" };

/** Makes the bundle and its manifest: what it was made of, for bin/launch.cjs to compare.
 *  @returns the sizes of its files */
export async function makeBundle(options: BundleOptions): Promise<ReadonlyMap<string, number>> {
	const { root } = options;
	const folder = join(root, "dist");
	const staging = `${folder}.new`;
	rmSync(staging, { recursive: true, force: true });
	const startedAt = Date.now();
	const modules = new Set<string>();
	const imports: ModuleImports = new Map();
	const bundle = await rolldown({
		cwd: root,
		input: Object.fromEntries(Object.entries(options.entries).map(([name, path]) => [name, join(root, path)])),
		platform: "node",
		preserveEntrySignatures: "allow-extension",
		// A warning that a busy machine is slow would be the end of the bundle.
		checks: { bundlerTimings: false },
		resolve: {
			alias: Object.fromEntries(
				Object.entries(latePackages).map(([name, path]) => [name, join(root, "node_modules", path)]),
			),
		},
		plugins: [nameThreads(options.entries), recordModules(modules, imports), convertLate(), loadTypesLate(root)],
		onLog(level, log) {
			throw new Error(`${level}: ${log.message}`);
		},
	});
	const { output } = await bundle.write({
		dir: join(staging, "main"),
		format: "cjs",
		minify: true,
		codeSplitting: { groups: listLateGroups(options) },
		entryFileNames: "[name].cjs",
		chunkFileNames: "[name]-[hash].cjs",
		plugins: [loadLate(), { name: "plain-exports", renderChunk: makeExportsPlain }, escapeText()],
	});
	await bundle.close();
	for (const [name, path] of Object.entries(options.assets)) {
		mkdirSync(dirname(join(staging, "main", name)), { recursive: true });
		copyFileSync(join(root, path), join(staging, "main", name));
	}
	const names = [...output.map(({ fileName }) => fileName), ...Object.keys(options.assets)].map(
		(name) => `main/${name}`,
	);
	const snapshot = options.snapshot && makeSnapshot(root, staging, options.snapshot);
	for (const name of snapshot ?? []) {
		names.push(name);
		// bin/amime takes it while it is older than the manifest: so one that was changed is not started.
		utimesSync(join(staging, name), startedAt / 1000, startedAt / 1000);
	}
	const outputs = names.map((name) => [name, statSync(join(staging, name)).size] as const);
	const inputs = listInputs([...modules], options).map((path) => {
		const { size, mtimeMs } = statSync(join(root, path));
		if (mtimeMs > startedAt) throw new Error(`${path} changed while the bundle was made: make it again`);
		return [path, size, mtimeMs] as const;
	});
	const hashes = inputs.map(([path]) => [path, hash("sha256", readFileSync(join(root, path)))] as const);
	if (options.snapshot !== undefined) {
		const used = new Set(listInputs(listReached(imports, options, options.snapshot), options));
		const manifest = { inputs: inputs.filter(([path]) => used.has(path)), outputs };
		writeFileSync(join(staging, "manifest-proxy.json"), JSON.stringify(manifest));
	}
	writeFileSync(join(staging, "manifest.json"), JSON.stringify({ inputs, outputs }));
	writeFileSync(join(staging, "hashes.json"), JSON.stringify(Object.fromEntries(hashes)));
	keepPrevious(folder, staging);
	rmSync(folder, { recursive: true, force: true });
	renameSync(staging, folder);
	return new Map(outputs);
}

/** Processes that run from the bundle before this one load their late parts when they need them: what an upgrade in place must not take away.
 *  The manifest does not list them, so that the next bundle leaves them out. */
function keepPrevious(folder: string, staging: string): void {
	let outputs: readonly (readonly [path: string, size: number])[];
	try {
		({ outputs } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")));
	} catch {
		// There was none, or only a part of it.
		return;
	}
	for (const [path] of outputs) {
		if (!/^main\/[\w-]+-[\w-]{8}\.cjs$/.test(path) || existsSync(join(staging, path))) continue;
		if (existsSync(join(folder, path))) copyFileSync(join(folder, path), join(staging, path));
	}
}

function listLateGroups({ root, late }: BundleOptions): CodeSplittingGroup[] {
	const packages = Object.keys(latePackages).map((name) => ({ name: `late-${name}`, test: `/node_modules/${name}/` }));
	// Small parts that every process needs: in one chunk, for each costs half a millisecond of a start.
	const base: CodeSplittingGroup = {
		name: "base",
		test: /\/src\/(?:core|os\/(?!pkcs11|call-thread)|main\/process|wire\/http2\/(?:frames|config|error-codes))/,
	};
	const parts: CodeSplittingGroup = {
		debugName: "late parts",
		name: (id) => (id.startsWith(`${root}/`) ? nameLatePart(id.slice(root.length + 1), late) : null),
		// What they use is there already when they are loaded.
		includeDependenciesRecursively: false,
	};
	return [...packages, parts, base];
}

function nameLatePart(path: string, late: LateParts): string | null {
	for (const [pattern, name] of late) {
		const found = pattern.exec(path);
		if (found !== null) return `late-${name.replace("$1", found[1] ?? "")}`;
	}
	return null;
}

/** The files whose change makes the bundle old; a package is known by its package.json. */
function listInputs(modules: readonly string[], { root, stamps, snapshot }: BundleOptions): readonly string[] {
	const inputs = new Set<string>(snapshot?.read);
	const stamped = Object.entries(stamps).map(
		([folder, stamp]) => [`${realpathSync(join(root, folder))}/`, stamp] as const,
	);
	for (const id of modules) {
		if (id.startsWith("\0")) continue;
		const stamp = stamped.find(([folder]) => id.startsWith(folder))?.[1];
		const dependency = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id)?.[1];
		if (stamp !== undefined) inputs.add(stamp);
		else inputs.add(relative(root, dependency === undefined ? id : join(dependency, "package.json")));
	}
	return [...inputs].sort();
}

/** Threads are started by the address of their module, which is an entry of the bundle. */
function nameThreads(entries: Readonly<Record<string, string>>): Plugin {
	return {
		name: "threads",
		transform(code, id) {
			if (!code.includes("new Worker(")) return null;
			return code.replace(/new URL\("\.\/([\w-]+)\.ts", import\.meta\.url\)/, (_, name: string) => {
				if (!(name in entries)) throw new Error(`${id} starts ${name}.ts, which is no entry of the bundle`);
				return `new URL("./${name}.cjs", import.meta.url)`;
			});
		},
	};
}

/** What each module imports, at once and when something is used. */
type ModuleImports = Map<string, readonly [atOnce: readonly string[], later: readonly string[]]>;

/** Notes all modules that are read: also those of which only a constant is left, which the chunks do not list. */
function recordModules(modules: Set<string>, imports: ModuleImports): Plugin {
	return {
		name: "modules",
		transform(_, id) {
			modules.add(id);
			return null;
		},
		buildEnd() {
			for (const id of modules) {
				const info = this.getModuleInfo(id);
				imports.set(id, [info?.importedIds ?? [], info?.dynamicallyImportedIds ?? []]);
			}
		},
	};
}

/** The modules that a process from the snapshot may run: all that are reached but for other commands. */
function listReached(imports: ModuleImports, { root, entries }: BundleOptions, options: SnapshotOptions): string[] {
	const reached = new Set([join(root, entries[options.entry] as string)]);
	for (const id of reached) {
		const [atOnce, later] = imports.get(id) ?? [[], []];
		const needed = options.commands.test(relative(root, id)) ? atOnce : [...atOnce, ...later];
		for (const next of needed) if (imports.has(next)) reached.add(next);
	}
	return [...reached];
}

/** To make a message, the library looks into the types of all its fields, to convert what they may be given and for the first value of enums,
 *  and so has every type that a message names made with it (src/api/descriptors.ts): this looks into the type of a field that is given
 *  something, and knows that proto3's enums begin with 0. */
function convertLate(): Plugin {
	const changes = [
		[
			"function compileConvertMessage(field) {",
			`function compileConvertMessage(field) {
	let convert;
	return (value) => (convert ??= describeConversion(field) ?? ((value) => value))(value);
}
function describeConversion(field) {`,
		],
		[": field.enum.values[0].number;", ": field.presence == IMPLICIT ? 0 : field.enum.values[0].number;"],
	] as const;
	return {
		name: "conversions",
		transform(code, id) {
			if (!id.endsWith("/@bufbuild/protobuf/dist/esm/create.js")) return null;
			if (!changes.every(([before]) => code.includes(before)))
				throw new Error(`${id}: messages are made another way: see whether convertLate is still needed`);
			return changes.reduce((text, [before, after]) => text.replace(before, after), code);
		},
	};
}

/** See scripts/lazy-library-types.ts. A project without such descriptors keeps the library as it is. */
function loadTypesLate(root: string): Plugin {
	const lazyModule = join(root, "src/api/lazy-descriptors.ts");
	return {
		name: "library-types",
		transform: (code, id) => (existsSync(lazyModule) ? makeLibraryTypesLazy(code, id, lazyModule) : null),
	};
}

/** Puts an object with the same properties in the place of a module of Node; reading one of them loads the module. */
function loadLate(): Plugin {
	return {
		name: "late-modules",
		renderChunk(code) {
			let text = code;
			for (const name of lateModules) {
				const isUsed = (key: string): boolean => key !== "default" && code.includes(`.${key}`);
				const keys = Object.keys(process.getBuiltinModule(name) ?? {}).filter(isUsed);
				const getters = keys.map((key) => `get ${key}(){return(late??=process.getBuiltinModule("${name}")).${key}}`);
				// Found once: to find a module takes as long as a request.
				text = text.replaceAll(`require("${name}")`, `(late=>({${getters.join(",")}}))()`);
			}
			return text.replace(
				/require\("(\.\/late-[^"]+)"\)/g,
				(_, path: string) => `(part=>new Proxy({},{get:(_,name)=>(part??=require("${path}"))[name]}))()`,
			);
		},
	};
}

/** Writes every character beyond ASCII as its escape: one of them would double the memory that the text of a chunk takes. */
function escapeText(): Plugin {
	return {
		name: "ascii",
		generateBundle(_, files) {
			for (const file of Object.values(files)) {
				if (file.type !== "chunk") continue;
				file.code = file.code.replace(
					/[^\0-\x7f]/g,
					(unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
				);
			}
		},
	};
}
