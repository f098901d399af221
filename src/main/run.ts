import { formatFailure, runCli } from "../cli/index.ts";
import { MeshError } from "../core/index.ts";
import { boundMatching } from "./bound-matching.ts";
import { createHost } from "./host.ts";

/** Runs the command that the arguments name; the exit code of the process is its answer. */
export async function run(): Promise<void> {
	process.stdout.on("error", endWithoutOutput);
	// Whoever read the log is gone, or its disk is full: what is served goes on, and there is nowhere to say so.
	process.stderr.on("error", () => undefined);
	boundMatching();
	process.exitCode = await runCli(process.argv.slice(2), createHost());
}

/** Ends a command whose answer nobody can have. What serves until a signal goes on, or ends its own way. */
function endWithoutOutput(error: NodeJS.ErrnoException): void {
	if (process.listenerCount("SIGTERM") > 0) return;
	// As `| head` has it: what was wanted is there.
	if (error.code === "EPIPE") process.exit(0);
	const failure = new MeshError("OUTPUT_UNWRITABLE", "cannot write to standard output", { cause: error });
	process.stderr.write(formatFailure(failure));
	process.exit(1);
}
