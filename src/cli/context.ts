import type { Command } from "commander";
import type { CliHost } from "./host.ts";
import type { AdminApi, ControlFile } from "./mesh/admin-api.ts";
import { findMesh } from "./mesh/find-mesh.ts";
import { createPalette, type Palette } from "./output/colour.ts";
import { type OutputFormat, outputFormats, render } from "./output/render.ts";
import { createChoiceOption } from "./parse-arguments.ts";

/** What a command works with. */
export interface CliContext {
	readonly host: CliHost;
	readonly palette: Palette;
	/** Name of the mesh in the file of contexts, as `--context` gives it to the command that runs. */
	contextName?: string | undefined;
	/** Sets the exit code the process ends with. */
	setExitCode(code: number): void;
}

/** Options of every command that asks a running mesh. */
export interface MeshOptions {
	readonly state?: string;
	readonly output: OutputFormat;
}

export function createContext(host: CliHost, setExitCode: (code: number) => void): CliContext {
	return { host, palette: createPalette(host.allowsColour && host.out.isTerminal), setExitCode };
}

/** Adds `--state` and `-o`. */
export function withMeshOptions(command: Command): Command {
	return withState(command).addOption(
		createChoiceOption("-o, --output <format>", "how to print", outputFormats, "table"),
	);
}

/** Adds `--state`. */
export function withState(command: Command): Command {
	return command
		.option("--state <folder>", "state folder of the mesh (default: the only live one in ./.amime)")
		.option("--context <name>", "a mesh of the file of contexts, on this or another machine (docs/admin-api.md)");
}

/** Adds examples to a command's help. */
export function withExamples(
	command: Command,
	examples: readonly (readonly [line: string, meaning: string])[],
): Command {
	const width = Math.max(...examples.map(([line]) => line.length));
	const lines = examples.map(([line, meaning]) => `  $ ${line.padEnd(width)}  ${meaning}`);
	return command.addHelpText("after", `\nExamples:\n${lines.join("\n")}\n`);
}

/** Connects to the mesh a command is about. */
export function openMesh(context: CliContext, options: { readonly state?: string }): AdminApi {
	return context.host.connect(locateMesh(context, options));
}

/** Where the mesh answers that a command is about. */
export function locateMesh({ host, contextName }: CliContext, options: { readonly state?: string }): ControlFile {
	// A state folder that is named is meant; else a mesh that the environment or the file of contexts names.
	const remote = options.state === undefined || contextName !== undefined ? host.findContext(contextName) : undefined;
	return remote ?? findMesh(host.folder, options.state);
}

/** Prints `value` as the user asked. */
export async function print(
	context: CliContext,
	format: OutputFormat,
	value: unknown,
	toTable: () => string,
): Promise<void> {
	context.host.out.write(await render(format, value, toTable));
}
