/** Runs amime: from the bundle in `dist` while that is as new as the sources, else from the sources, and says why in one line.
 *  Plain JavaScript that loads nothing it does not need, for it runs at every start. See docs/adr/0006-bundle.md. */
"use strict";
const { enableCompileCache } = require("node:module");
const { join } = require("node:path");
const { findProblem, forgetLauncher } = require("./check-bundle.cjs");

const leastNode = 24;
const root = join(__dirname, "..");

/** What runs from the bundle; or why it does not. */
function loadBundle() {
	const problem = findProblem(root);
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
	forgetLauncher();
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

if (process.argv[2] === "--check-bundle") process.stdout.write(findProblem(root) ?? "");
else void launch();
