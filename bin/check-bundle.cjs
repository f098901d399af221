/** Whether the bundle in `dist` is as new as the sources. Plain JavaScript that loads nothing it does not need, for it runs at every start. */
"use strict";
const { readFileSync, statSync } = require("node:fs");

/** Whose library below `fs` is known. */
const testedNode = 26;

/** Why the bundle of the project in `root` cannot be run; undefined when it can. `name` is that of a manifest of fewer sources. */
function findProblem(root, name = "manifest.json") {
	try {
		return compare(root, JSON.parse(readFileSync(`${root}/dist/${name}`, "utf8")));
	} catch (error) {
		return error.code === "ENOENT" ? "there is no whole bundle" : `the bundle's manifest is damaged (${error.message})`;
	}
}

function compare(root, manifest) {
	const look = createLook();
	for (const [path, size] of manifest.outputs) {
		// A thousand times: path.join would cost as much again as the look at the file.
		if (!look(`${root}/dist/${path}`) || look.size !== size) return `dist/${path} of the bundle is damaged`;
	}
	let hashes;
	/** Files that were copied or checked out anew have other times and the same content. */
	const isSame = (path) => {
		hashes ??= JSON.parse(readFileSync(`${root}/dist/hashes.json`, "utf8"));
		return require("node:crypto").hash("sha256", readFileSync(`${root}/${path}`)) === hashes[path];
	};
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

/** What bin/amime said to this process: what `amime up` starts has its own. */
function forgetLauncher() {
	delete process.env.MALLOC_ARENA_MAX;
	delete process.env.MALLOC_TRIM_THRESHOLD_;
	if (process.env.GLIBC_TUNABLES === "glibc.malloc.hugetlb=1") delete process.env.GLIBC_TUNABLES;
}

module.exports = { findProblem, forgetLauncher };
