#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { resolve } from "node:path";

// Types are stripped and code is compiled once for all starts: that is half of the time a start takes. Without the folder it is done anew.
enableCompileCache(resolve(import.meta.dirname, "../../.cache/compile"));
const { runCli } = await import("../cli/index.ts");
const { createHost } = await import("./host.ts");

process.stdout.on("error", (error: NodeJS.ErrnoException) => {
	if (error.code === "EPIPE") process.exit(0);
	throw error;
});
process.exitCode = await runCli(process.argv.slice(2), createHost());
