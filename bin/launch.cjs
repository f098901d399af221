/** Runs amime: from the bundle in `dist` while that is as new as the sources, else from the sources, and says why in one line.
 *  Plain JavaScript that loads nothing it does not need, for it runs at every start. See docs/adr/0006-bundle.md. */
"use strict";
const { readFileSync, statSync } = require("node:fs");
const { enableCompileCache } = require("node:module");
const { join } = require("node:path");

const leastNode = 24;
/** Whose library below `fs` is known. */
const testedNode = 26;
const root = join(__dirname, "..");
let hashes;

/** Why the bundle cannot be run; undefined when it can. */
function findProblem() {
	try {
		return compare(JSON.parse(readFileSync(join(root, "dist/manifest.json"), "utf8")));
	} catch (error) {
		return error.code === "ENOENT" ? "there is no whole bundle" : `the bundle's manifest is damaged (${error.message})`;
	}
}

function compare(manifest) {
	const look = createLook();
	for (const [path, size] of manifest.outputs) {
		// A thousand times: path.join would cost as much again as the look at the file.
		if (!look(`${root}/dist/${path}`) || look.size !== size) return `dist/${path} of the bundle is damaged`;
	}
	for (const [path, size, modified] of manifest.inputs) {
		if (!look(`${root}/${path}`)) return `${path} is gone since the bundle was made`;
		if (look.size === size && look.modified === modified) continue;
		if (look.size !== size || !isSame(path)) return `${path} changed since the bundle was made`;
	}
	return undefined;
}

/** Looks at a file, whether it is there; its size and time are left in `size` and `modified`. What fs.statSync makes around the system's answer
 *  takes twice as long as the answer, a tenth of a start: the library below answers with its numbers, where this Node gives it. */
function createLook() {
	const { binding, versions } = process;
	const stat = Number.parseInt(versions.node, 10) === testedNode ? binding?.("fs").stat : undefined;
	const look = (path) => {
		if (stat === undefined) {
			const found = statSync(path, { throwIfNoEntry: false });
			if (found !== undefined) keep(found.size, found.mtimeMs);
			return found !== undefined;
		}
		const numbers = stat(path, false, undefined, false);
		if (numbers !== undefined) keep(numbers[8], numbers[12] * 1000 + numbers[13] / 1e6);
		return numbers !== undefined;
	};
	const keep = (size, modified) => {
		look.size = size;
		look.modified = modified;
	};
	return look;
}

/** Files that were copied or checked out anew have other times and the same content. */
function isSame(path) {
	hashes ??= JSON.parse(readFileSync(join(root, "dist/hashes.json"), "utf8"));
	return require("node:crypto").hash("sha256", readFileSync(join(root, path))) === hashes[path];
}

/** What runs from the bundle; or why it does not. */
function loadBundle() {
	const problem = findProblem();
	if (problem !== undefined) return { problem };
	// Code is compiled once for all starts. Without the folder it is done anew.
	enableCompileCache(join(root, ".cache/compile"));
	try {
		return { run: require(join(root, "dist/main/run.cjs")).run };
	} catch (error) {
		return { problem: `the bundle does not load (${error.message})` };
	}
}

async function launch() {
	// They were for this process: what `amime up` starts has its own.
	delete process.env.MALLOC_ARENA_MAX;
	delete process.env.MALLOC_TRIM_THRESHOLD_;
	if (Number.parseInt(process.versions.node, 10) < leastNode) {
		process.stderr.write(
			`amime needs Node ${leastNode} or newer, and this is ${process.version}: npm ci in ${root} brings one\n`,
		);
		process.exitCode = 1;
		return;
	}
	const { run, problem } = loadBundle();
	if (run !== undefined) return run();
	process.stderr.write(
		`amime: ${problem}: running the sources, which takes longer to start; npm run bundle makes it anew\n`,
	);
	await import("../src/main/amime.ts");
}

if (process.argv[2] === "--check-bundle") process.stdout.write(findProblem() ?? "");
else void launch();
