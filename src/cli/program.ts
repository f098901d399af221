import { Command, CommanderError } from "commander";
import { describeError, MeshError, suggestNearest } from "../core/index.ts";
import { addAgentCommand } from "./commands/agent.ts";
import { addAnalyzeCommand } from "./commands/analyze.ts";
import { addApplyCommand } from "./commands/apply.ts";
import { addCaCommand } from "./commands/ca.ts";
import { addCertsCommand } from "./commands/certs.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addControlPlaneCommand } from "./commands/control-plane.ts";
import { addDeleteCommand } from "./commands/delete.ts";
import { addDiffCommand } from "./commands/diff.ts";
import { addEndpointsCommand } from "./commands/endpoints.ts";
import { addExplainCommand } from "./commands/explain.ts";
import { addFederationCommand } from "./commands/federation.ts";
import { addGatewaysCommand } from "./commands/gateways.ts";
import { addGetCommand } from "./commands/get.ts";
import { addHistoryCommand, addRollbackCommand } from "./commands/history.ts";
import { addIdentityCommand } from "./commands/identity.ts";
import { addKeyPluginCommand } from "./commands/key-plugin.ts";
import { addLimitsCommand } from "./commands/limits.ts";
import { addLoadCommand } from "./commands/load.ts";
import { addProxyCommand } from "./commands/proxy.ts";
import { addRolloutCommand } from "./commands/rollout.ts";
import { addRoutesCommand } from "./commands/routes.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addUpCommand } from "./commands/up.ts";
import { addVerifyCommand } from "./commands/verify.ts";
import { addVersionCommand } from "./commands/version.ts";
import { addWhyCommand } from "./commands/why.ts";
import { type CliContext, createContext } from "./context.ts";
import type { CliHost } from "./host.ts";
import type { ConfigProblem } from "./mesh/admin-api.ts";
import { formatProblem } from "./output/problems.ts";

/** Runs one command line (without program and script) and answers with the exit code: 0, 1 for a failure, 2 for bad usage. */
export async function runCli(args: readonly string[], host: CliHost): Promise<number> {
	let exitCode = 0;
	const context = createContext(host, (code) => {
		exitCode = code;
	});
	try {
		const program = createProgram(context, args[0]);
		if (args[0] === "help") requireCommand(program, args[1]);
		await program.parseAsync([...args], { from: "user" });
		return exitCode;
	} catch (error) {
		if (error instanceof CommanderError) {
			if (error.exitCode === 0) return 0;
			// As Envoy, whose flags these are.
			return args[0] === "proxy" ? 1 : 2;
		}
		if (!(error instanceof MeshError)) throw error;
		host.err.write(formatFailure(error));
		host.err.write(listProblems(error));
		return usageCodes.has(error.code) ? 2 : 1;
	}
}

/** A command with its words, such as `ca rotate`, and what `--help` says of it. */
export interface CommandHelp {
	readonly words: string;
	readonly text: string;
}

/** Every command there is, those that belong to one behind it, for the reference page. */
export function listCommandHelp(host: CliHost): readonly CommandHelp[] {
	const visit = (command: Command, words: string): CommandHelp[] => {
		let text = "";
		command.configureOutput({ getOutHelpWidth: () => referenceWidth, writeOut: (more) => (text += more) }).outputHelp();
		const parts = command.commands.map((part) => visit(part, `${words} ${part.name()}`.trim()));
		return [{ words, text }, ...parts.flat()];
	};
	return visit(
		createProgram(
			createContext(host, () => undefined),
			undefined,
		),
		"",
	);
}

/** Columns of the help on the reference page. */
const referenceWidth = 120;

/** Commander answers `help` of a command that is not there with the whole list. */
function requireCommand(program: Command, name: string | undefined): void {
	const names = program.commands.map((command) => command.name());
	if (name === undefined || name === "help" || names.includes(name)) return;
	program.error(`error: unknown command '${name}'${suggestNearest(name, names)}`);
}

/** What is wrong with the words of a command line, though they can be read. */
const usageCodes: ReadonlySet<string> = new Set(["KIND_UNKNOWN", "NAME_INVALID"]);

/** One line for a user's, a peer's or the network's mistake. */
export function formatFailure(error: MeshError): string {
	return `amime: ${describeError(error)} [${error.code}]\n`;
}

/** Every problem of a refusal that has several; its sentence names the first. */
function listProblems(error: MeshError): string {
	const problems: unknown = "problems" in error ? error.problems : [];
	if (!Array.isArray(problems) || problems.length < 2) return "";
	return problems.map((problem: ConfigProblem) => `  ${formatProblem(problem)}\n`).join("");
}

/** What is started by the hundred: no other command is described for it. */
const longRunning: ReadonlyMap<string | undefined, (program: Command, context: CliContext) => void> = new Map([
	["proxy", addProxyCommand],
	["control-plane", addControlPlaneCommand],
	["agent", addAgentCommand],
]);

/** A function, for in the bundle the commands are loaded when one of them is asked for. */
const listCommands = (): readonly ((program: Command, context: CliContext) => void)[] => [
	addUpCommand,
	addStatusCommand,
	addGetCommand,
	addAnalyzeCommand,
	addApplyCommand,
	addDeleteCommand,
	addRolloutCommand,
	addHistoryCommand,
	addRollbackCommand,
	addWhyCommand,
	addRoutesCommand,
	addEndpointsCommand,
	addGatewaysCommand,
	addLimitsCommand,
	addLoadCommand,
	addExplainCommand,
	addVerifyCommand,
	addDiffCommand,
	addCertsCommand,
	addCaCommand,
	addFederationCommand,
	addIdentityCommand,
	addProxyCommand,
	addControlPlaneCommand,
	addAgentCommand,
	addKeyPluginCommand,
	addCompletionCommand,
	addVersionCommand,
];

/** @param name the command that is asked for */
function createProgram(context: CliContext, name: string | undefined): Command {
	const { host } = context;
	const program = new Command("amime")
		.description("A complete service mesh: control plane, data plane, registry, identity and telemetry")
		.usage("<command> [options]")
		.helpCommand("help [command]", "show how a command is used")
		.helpOption("-h, --help", "show this")
		.showSuggestionAfterError(true)
		.exitOverride()
		.hook("preAction", (_program, command) => {
			context.contextName = command.opts<{ readonly context?: string }>().context;
		})
		.configureOutput({
			writeOut: (text) => host.out.write(text),
			writeErr: (text) => host.err.write(text),
			outputError: (text, write) => write(formatUsageFailure(text)),
		})
		.addHelpText(
			"after",
			"\nExamples:\n  $ amime up examples/shop      start a mesh on this machine\n  $ amime status                what every proxy has\n",
		);
	const asked = longRunning.get(name);
	for (const add of asked === undefined ? listCommands() : [asked]) add(program, context);
	for (const group of program.commands) if (group.commands.length > 0) nameParts(group);
	return program;
}

/** An unknown part of a command is answered with those that there are. */
function nameParts(group: Command): void {
	group.on("command:*", ([word = ""]: readonly string[]) => {
		const names = group.commands.map((part) => part.name());
		const hint = suggestNearest(word, names) || `: there are ${names.join(", ")}`;
		group.error(`error: unknown command '${word}' of 'amime ${group.name()}'${hint}`);
	});
}

/** Commander says `error: unknown command 'x'` and its suggestion on a second line; a failure is one line here. */
function formatUsageFailure(text: string): string {
	const [sentence = "", ...rest] = text.trim().split("\n");
	const hint = rest.join(" ").replace(/^\(Did you mean (.*)\?\)$/, " (did you mean '$1'?)");
	return `amime: ${sentence
		.replace(/^error: /, "")
		.replace(/(is invalid.*?)\. /, "$1: ")
		.replace(/\.$/, "")}${hint} [USAGE]\n`;
}
