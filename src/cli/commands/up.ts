import type { Command } from "commander";
import { logLevels } from "../../core/index.ts";
import { type CliContext, withExamples } from "../context.ts";
import type { UpCommandOptions } from "../host.ts";
import { createChoiceOption, parsePort } from "../parse-arguments.ts";
import { withAuthorityOptions } from "./authority-options.ts";

/** `amime up DIR`: the mesh of a folder of config, on this machine, in the foreground. */
export function addUpCommand(program: Command, context: CliContext): void {
	const command = program
		.command("up")
		.description("start the mesh of a folder of config on this machine: control plane, sidecars and workloads")
		.argument("<dir>", "folder with the configuration documents; it is watched")
		.option("--state <folder>", "where certificates, registry and logs are kept (default: ./.amime/<name of dir>)")
		.option("--admin-port <port>", "port of the control plane's admin API (default: 15014, or a free one)", parsePort)
		.option("--xds-port <port>", "port of the control plane's xDS server (default: 15010, or a free one)", parsePort)
		.addOption(createChoiceOption("-o, --output <format>", "how to print what happens", ["table", "json"], "table"))
		.addOption(createChoiceOption("-l, --log-level <level>", "lowest level logged", logLevels, "warn"))
		.action(async (folder: string, options: Omit<UpCommandOptions, "folder">) => {
			context.setExitCode(await context.host.runUp({ folder, ...options }));
		});
	withExamples(withAuthorityOptions(command), [
		["amime up examples/shop", "start the example; Ctrl-C stops it"],
		["amime up ./mesh -o json", "one JSON line an event, for scripts"],
	]);
}
