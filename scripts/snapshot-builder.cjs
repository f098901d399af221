/** Run by `node --build-snapshot` behind what scripts/make-snapshot.ts writes: `chunks` are the chunks of the bundle as functions, `programs` are
 *  the exports of files, `settings` says where things are. What lies in memory when it ends is the snapshot that bin/amime starts a proxy from.
 *  Here `require` knows the modules of Node only. */
"use strict";
/* global programs, settings */
/* global chunks:writable */
const { writeFileSync } = require("node:fs");
const { join, resolve } = require("node:path");
const { setFlagsFromString, startupSnapshot } = require("node:v8");

/** What cannot be in a snapshot: loaded when something of it is used, which nothing does before the snapshot is taken. */
const lateModules = new Set(["http", "http2", "https", "tls", "crypto"]);
let isBuilding = true;
/** Of the bundle. */
let { folder } = settings;

/** What `import.meta.url` says in a chunk: the bundle's place now. */
function addressOf(name) {
	return require("node:url").pathToFileURL(join(folder, "main", name)).href;
}

/** Makes a set of the modules. @returns its `require` */
function instantiate() {
	const modules = new Map();
	let requireFile;
	function load(id) {
		const known = modules.get(id);
		if (known !== undefined) return known.exports;
		const chunk = chunks[id];
		if (chunk === undefined) return id.startsWith("./") ? loadFile(id) : loadBuiltin(id);
		const module = { exports: {} };
		modules.set(id, module);
		chunk(module.exports, load, module, addressOf);
		return module.exports;
	}
	/** A late part: a file whose own `require` finds the modules of this set. */
	function loadFile(id) {
		if (requireFile === undefined) {
			if (isBuilding) throw new Error(`${id} is no part of a plain start: a late part may not be needed at once`);
			const Module = require("node:module");
			Module.enableCompileCache(join(folder, "../.cache/compile"));
			for (const [name, { exports }] of modules) {
				const path = join(folder, "main", name);
				Module._cache[path] = Object.assign(new Module(path), { filename: path, exports, loaded: true });
			}
			requireFile = Module.createRequire(join(folder, "main/run.cjs"));
		}
		return requireFile(id);
	}
	return load;
}

function loadBuiltin(id) {
	if (!isBuilding || !lateModules.has(id.replace("node:", ""))) return require(id);
	let found;
	const get = (_, name) => {
		found ??= process.getBuiltinModule(id);
		return found[name];
	};
	return new Proxy({}, { get });
}

/** Evaluates the modules twice: the first ones run a proxy, so that V8 has compiled what a start needs, which the second ones have in common with
 *  them; and those are as new. */
async function build() {
	// Node cannot start a thread from a snapshot in which there are sockets.
	if (!process.config.variables.node_use_ffi) throw new Error("this Node makes system calls in a thread of its own");
	// What was compiled stays, however long ago it ran.
	setFlagsFromString("--no-flush-bytecode");
	const entry = `./${settings.entry}.cjs`;
	const writeBootstrap = (listenPort, upstreamPort) => {
		const text = settings.bootstrap.replaceAll("1111", listenPort).replaceAll("2222", upstreamPort);
		writeFileSync(settings.bootstrapPath, text);
		return settings.bootstrapPath;
	};
	await instantiate()(entry).rehearse(writeBootstrap);
	const { prepare, runShared } = instantiate()(entry);
	await prepare(settings.bootstrapPath);
	isBuilding = false;
	// The code that defines the modules has run.
	chunks = {};
	setFlagsFromString("--flush-bytecode");
	startupSnapshot.setDeserializeMainFunction(() => start(runShared));
}

/** The first that runs in a proxy: as bin/launch.cjs, which says why and runs the sources where the bundle is not made of them. */
function start(runShared) {
	const root = resolve(process.argv[1], "../..");
	folder = join(root, "dist");
	const check = programs["bin/check-bundle.cjs"];
	if (check.findProblem(root, "manifest-proxy.json") !== undefined) {
		require("node:module").createRequire(join(root, "bin/"))("./launch.cjs");
		return;
	}
	check.forgetLauncher();
	void runShared(join(folder, settings.sharedName));
}

build().catch((error) => {
	process._rawDebug(error.stack);
	process.exit(1);
});
