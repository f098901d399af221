/** Writes docs/reference/cli.md: the help of every command, and the types of what `-o json` prints, from the sources. */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { type CliHost, listCommandHelp } from "../src/cli/index.ts";

const project = resolve(import.meta.dirname, "..");

/** Where the page is. */
export const cliReferencePath = resolve(project, "docs/reference/cli.md");

/** What commands print with `-o json`, as types of {@link typeFiles}. */
const printed: readonly (readonly [command: string, type: string])[] = [
	[
		"status",
		"{ proxies: ProxyStatus[], workloads: WorkloadStatus[], gateways: GatewayStatus[], instances: InstanceStatus[], problems: ConfigProblem[] }",
	],
	["get KIND", "ConfigDocument[]"],
	["get KIND NAME", "ConfigDocument"],
	["analyze", "FindingStatus[]"],
	["rollout status", "RolloutStatus"],
	["rollout list", "RolloutStatus[]"],
	["history", "HistoryStatus[]"],
	["history REVISION", "HistoryEntryStatus"],
	["why", "FailureStatus[]"],
	["routes", "RouteStatus[]"],
	["endpoints", "EndpointStatus[]"],
	["gateways", "GatewayStatus[]"],
	["limits", "LimitStatus[]"],
	["load", "LoadStatus[]"],
	["explain", "Explanation"],
	["verify", "JudgedExpectation[]"],
	["diff", "MeshDiff"],
	["certs", "CertificateStatus[]"],
	["ca status", "AuthorityStatus"],
	["federation list", "RelationStatus[]"],
	["identity list", "EntryStatus[]"],
	["identity agents", "AgentStatus[]"],
];

const typeFiles: readonly string[] = [
	"src/cli/mesh/admin-api.ts",
	"src/cli/commands/history.ts",
	"src/explain/explanation.ts",
	"src/explain/diff.ts",
	"src/explain/judge.ts",
	"src/model/instance.ts",
	"src/control/provenance/provenance.ts",
	"src/config/located-problem.ts",
];

/** The text of the page. */
export function formatCliReference(): string {
	const [program, ...commands] = listCommandHelp(documentationHost);
	return [
		"# Commands",
		"",
		"<!-- Written by scripts/generate-cli-reference.ts; a test compares. -->",
		"",
		"The option `--help` of every command says the same. Tables are for people and may change; for programs there are `-o json` and `-o yaml`, whose fields are",
		"[below](#fields-of--o-json): fields may be added, none is renamed or removed within a version of the admin API.",
		"",
		"| exit code | |",
		"|---|---|",
		"| 0 | done |",
		"| 1 | it failed, or what was checked does not hold; the error ends with its [code](errors.md) in brackets. Of `amime proxy` also bad usage, as Envoy's |",
		"| 2 | the command line was not understood |",
		"| 3, 4, 5 | only [`explain`](../explain.md) and `diff --exit-code`: see there |",
		"",
		"Errors go to standard error, answers to standard output. Colour is for terminals, unless `NO_COLOR` is set. Times are UTC.",
		"How a command finds its mesh: [Admin API](../admin-api.md#tls-and-client-certificates).",
		"",
		"```text",
		(program?.text ?? "").trimEnd(),
		"```",
		"",
		...commands.flatMap(({ words, text }) => [`## amime ${words}`, "", "```text", text.trimEnd(), "```", ""]),
		"## Fields of `-o json`",
		"",
		"| command | prints |",
		"|---|---|",
		...printed.map(([command, type]) => `| \`amime ${command}\` | \`${type}\` |`),
		"",
		"A field with `?` may be absent.",
		"",
		"```ts",
		listTypes(printed.flatMap(([, type]) => findNames(type))).join("\n\n"),
		"```",
		"",
	].join("\n");
}

/** The declarations of the types with these names and of all that they mention, in the order in which they are met. */
function listTypes(names: readonly string[]): string[] {
	const known = readDeclarations();
	const found = new Map<string, string>();
	const visit = (name: string): void => {
		const text = known.get(name);
		if (text === undefined || found.has(name)) return;
		found.set(name, text);
		for (const mentioned of findNames(text)) visit(mentioned);
	};
	for (const name of names) {
		if (!known.has(name)) throw new Error(`no type ${name} in ${typeFiles.join(", ")}`);
		visit(name);
	}
	return [...found.values()];
}

/** Interfaces and types with their comments, by name. */
function readDeclarations(): ReadonlyMap<string, string> {
	const found = new Map<string, string>();
	for (const file of typeFiles) {
		const lines = readFileSync(resolve(project, file), "utf8").split("\n");
		for (const [at, line] of lines.entries()) {
			const [, name] = /^(?:export )?(?:interface|type) (\w+)/.exec(line) ?? [];
			if (name === undefined) continue;
			let [first, last] = [at, at];
			while (/^(?:\/\*\*| \*)/.test(lines[first - 1] ?? "")) first--;
			while (/^[\t}]/.test(lines[last + 1] ?? "")) last++;
			const text = lines.slice(first, last + 1).join("\n");
			found.set(name, text.replaceAll(/^export /gm, "").replaceAll("readonly ", ""));
		}
	}
	return found;
}

/** Words that may name a type. */
function findNames(text: string): string[] {
	const code = text.replaceAll(/\/\*\*[\s\S]*?\*\//g, "");
	return [...code.matchAll(/\b[A-Z]\w+\b/g)]
		.map(([name]) => name)
		.filter((name) => !["Record", "Readonly", "Omit"].includes(name));
}

const unused = (): never => {
	throw new Error("help runs nothing");
};

const documentationHost: CliHost = {
	out: { write: unused, isTerminal: false },
	err: { write: unused, isTerminal: false },
	...{ allowsColour: false, folder: "/", version: "", pause: unused, readStdin: unused, connect: unused },
	...{ findContext: unused, analyze: unused, runUp: unused, runProxy: unused, runControlPlane: unused },
	...{ runAgent: unused, runPkcs11Plugin: unused },
};

if (import.meta.main) writeFileSync(cliReferencePath, formatCliReference());
