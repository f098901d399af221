import type { Command } from "commander";
import type { CliContext } from "../context.ts";

/** `amime version`, and `--version`. */
export function addVersionCommand(program: Command, context: CliContext): void {
	const { host } = context;
	program.version(host.version, "-V, --version", "print the version");
	program
		.command("version")
		.description("print the version")
		.action(() => {
			host.out.write(`${host.version}\n`);
		});
}
