/** Runs every test file with node's own runner; its summary is the last thing printed. */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

const project = resolve(import.meta.dirname, "..");
const patterns = process.argv.slice(2);
const result = spawnSync(
	process.execPath,
	[
		"--test",
		"--test-concurrency=2",
		"--test-timeout=240000",
		...(patterns.length > 0 ? patterns : ["src/**/*.test.ts", "test/**/*.test.ts"]),
	],
	{
		cwd: project,
		stdio: "inherit",
		// Programs that tests start from the sources are compiled once for all of them.
		env: { NODE_COMPILE_CACHE: resolve(project, ".cache/compile-tests"), ...process.env },
	},
);
process.exitCode = result.status ?? 1;
