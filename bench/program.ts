import { Command, CommanderError, InvalidArgumentError } from "commander";
import { suggestNearest } from "../src/core/index.ts";
import type { ControlPlaneBenchOptions } from "./control-plane/index.ts";
import type { ProxyBenchOptions } from "./proxy/index.ts";

/** What the command line chooses from, by name. */
export interface BenchNames {
	readonly proxyScenarios: readonly string[];
	readonly controlPlaneScenarios: readonly string[];
	readonly peers: readonly string[];
	/** The peers that can be started here. */
	readonly installedPeers: readonly string[];
}

/** The benchmarks; each answers whether every figure held its bound. */
export interface Benches {
	proxy(options: ProxyBenchOptions): Promise<boolean>;
	controlPlane(options: ControlPlaneBenchOptions): Promise<boolean>;
	profile(scenario: string, options: { readonly out: string; readonly seconds: number }): Promise<boolean>;
	soak(minutes: number): Promise<boolean>;
	identity(options: { readonly rounds: number; readonly seconds: number }): Promise<boolean>;
	routes(): Promise<boolean>;
}

/** Runs the benchmark that `args` (behind `npm run bench --`) name; answers with the exit code: 0, 1 when a figure missed its bound, 2 for
 *  arguments that are not understood. */
export async function runBenchProgram(
	args: readonly string[],
	names: BenchNames,
	benches: Benches,
	write: (text: string) => void,
): Promise<number> {
	let hasHeld = true;
	const program = createProgram(names, benches, (held) => {
		hasHeld = held;
	}).configureOutput({ writeOut: write, writeErr: write, outputError: (text) => write(text) });
	for (const command of program.commands) command.copyInheritedSettings(program);
	try {
		await program.parseAsync([...args], { from: "user" });
		return hasHeld ? 0 : 1;
	} catch (error) {
		if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
		throw error;
	}
}

function createProgram(names: BenchNames, benches: Benches, tell: (held: boolean) => void): Command {
	const program = new Command("npm run bench --")
		.description("Measures amime beside its peers on this machine; bench/README.md says how, and what must be reached.")
		.usage("<benchmark> [options]")
		.helpCommand("help [benchmark]", "show how a benchmark is used")
		.helpOption("-h, --help", "show this")
		.showHelpAfterError("(npm run bench -- --help shows what there is)")
		.exitOverride();
	withRounds(
		withOnly(program.command("proxy"), names.proxyScenarios)
			.description("the proxy beside Envoy, and beside nginx and HAProxy where they are installed")
			.option("--peers <name...>", `only these proxies: ${names.peers.join(", ")}`, collectPeer(names), []),
		{ rounds: 5, seconds: 6 },
	).action(async (options: ProxyBenchOptions) => tell(await benches.proxy(options)));
	withRounds(
		withOnly(program.command("control-plane"), names.controlPlaneScenarios).description(
			"the control plane beside a server of go-control-plane",
		),
		{ rounds: 20, seconds: 60 },
	).action(async (options: ControlPlaneBenchOptions) => tell(await benches.controlPlane(options)));
	program
		.command("profile")
		.description(
			"one scenario of the proxy benchmark with amime alone: a CPU profile of each process, and what took the time",
		)
		.argument("<scenario>", `one of ${names.proxyScenarios.join(", ")}`, parseName("scenario", names.proxyScenarios))
		.option("--out <folder>", "where the profiles go", "bench-profile")
		.option("--seconds <count>", "seconds of load", parsePositive, 6)
		.action(async (scenario: string, options: { out: string; seconds: number }) =>
			tell(await benches.profile(scenario, options)),
		);
	program
		.command("soak")
		.description("mixed traffic through one proxy while endpoints die and come back: memory must not grow")
		.option("--minutes <count>", "how long", parsePositive, 10)
		.action(async ({ minutes }: { minutes: number }) => tell(await benches.soak(minutes)));
	withRounds(
		program
			.command("identity")
			.description("what certificates, tokens and policies cost one core, and handshakes beside Envoy"),
		{ rounds: 5, seconds: 6 },
	).action(async (options: { rounds: number; seconds: number }) => tell(await benches.identity(options)));
	program
		.command("routes")
		.description("the time of one route decision in small and large tables")
		.action(async () => tell(await benches.routes()));
	return program;
}

function withOnly(command: Command, scenarios: readonly string[]): Command {
	const parse = parseName("scenario", scenarios);
	return command.option(
		"--only <scenario...>",
		`only these scenarios: ${scenarios.join(", ")}`,
		(text: string, before: readonly string[]) => [...before, parse(text)],
		[],
	);
}

function withRounds(command: Command, preset: { readonly rounds: number; readonly seconds: number }): Command {
	return command
		.option("--rounds <count>", "rounds of load, or changes that are measured", parseRounds, preset.rounds)
		.option("--seconds <count>", "seconds of a round, or of a stream of changes", parsePositive, preset.seconds);
}

function collectPeer({ peers, installedPeers }: BenchNames): (text: string, before: readonly string[]) => string[] {
	const parse = parseName("peer", peers);
	return (text, before) => {
		const peer = parse(text);
		if (!installedPeers.includes(peer)) {
			const hint = peer === "envoy" ? "node scripts/install-peers.ts installs it" : "put it on PATH";
			throw new InvalidArgumentError(`${peer} is not installed here: ${hint}`);
		}
		return [...before, peer];
	};
}

/** Reads one of `names`; anything else is answered with the nearest, and all. */
function parseName(noun: string, names: readonly string[]): (text: string) => string {
	return (text) => {
		if (names.includes(text)) return text;
		throw new InvalidArgumentError(
			`there is no such ${noun}${suggestNearest(text, names)}: there are ${names.join(", ")}`,
		);
	};
}

function parseRounds(text: string): number {
	if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
	throw new InvalidArgumentError("must be a whole number, 1 or more");
}

function parsePositive(text: string): number {
	if (/^\d{1,6}(?:\.\d+)?$/.test(text) && Number(text) > 0) return Number(text);
	throw new InvalidArgumentError("must be a number above 0");
}
