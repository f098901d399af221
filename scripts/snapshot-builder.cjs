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

/** Node keeps a list of timers for each duration, also when the last one was called off, if that one kept nobody waiting; and in a process from
 *  the snapshot nobody is woken for a list that is there already: no timer of this duration would ever end.
 *  @returns what has such lists forgotten */
function noteTimers() {
	const durations = new Set();
	const note = (holder) => {
		const plain = holder.setTimeout;
		const noting = function (...args) {
			for (const value of args) if (typeof value === "number") durations.add(value);
			return plain.apply(this, args);
		};
		holder.setTimeout = Object.defineProperties(noting, Object.getOwnPropertyDescriptors(plain));
		return () => {
			holder.setTimeout = plain;
		};
	};
	const restore = [note(globalThis), note(require("node:net").Socket.prototype)];
	return async () => {
		for (const each of restore) each();
		for (const duration of durations) clearTimeout(setTimeout(() => undefined, duration));
		// Nor may Node wait for one that was called off.
		await new Promise((resolve) => setTimeout(resolve, 1));
	};
}

/** Evaluates the modules twice: the first ones run a proxy, so that V8 has compiled what a start needs, which the second ones have in common with
 *  them; and those are as new. */
async function build() {
	// Node cannot start a thread from a snapshot in which there are sockets.
	if (!process.config.variables.node_use_ffi) throw new Error("this Node makes system calls in a thread of its own");
	// What was compiled stays, however long ago it ran.
	setFlagsFromString("--no-flush-bytecode");
	const forgetTimers = noteTimers();
	const entry = `./${settings.entry}.cjs`;
	const writeBootstrap = (listenPort, upstreamPort, adminPort) => {
		const ports = { 1111: listenPort, 2222: upstreamPort, 3333: adminPort };
		const text = settings.bootstrap.replace(/1111|2222|3333/g, (port) => ports[port]);
		writeFileSync(settings.bootstrapPath, text);
		return settings.bootstrapPath;
	};
	await instantiate()(entry).rehearse(writeBootstrap);
	const { prepare, runShared } = instantiate()(entry);
	await prepare(settings.bootstrapPath);
	await forgetTimers();
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
