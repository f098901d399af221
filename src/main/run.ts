import { runCli } from "../cli/index.ts";
import { createHost } from "./host.ts";

/** Runs the command that the arguments name; the exit code of the process is its answer. */
export async function run(): Promise<void> {
	process.stdout.on("error", (error: NodeJS.ErrnoException) => {
		if (error.code === "EPIPE") process.exit(0);
		throw error;
	});
	process.exitCode = await runCli(process.argv.slice(2), createHost());
}
