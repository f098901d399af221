#!/usr/bin/env node
import { runCli } from "../cli/index.ts";
import { createHost } from "./host.ts";

// A reader that goes away (`amime get | head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
	if (error.code === "EPIPE") process.exit(0);
	throw error;
});
process.exitCode = await runCli(process.argv.slice(2), createHost());
