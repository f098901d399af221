import { type Command, InvalidArgumentError } from "commander";
import type { Outcome, Query } from "../../explain/index.ts";
import { type CliContext, type MeshOptions, print, withExamples, withMeshOptions } from "../context.ts";
import { openEvaluator } from "../mesh/evaluator.ts";
import { formatExplanation } from "../output/explanation.ts";
import { createChoiceOption, parseAddress, parsePort, parseSpiffeId } from "../parse-arguments.ts";

interface ExplainOptions extends MeshOptions {
	readonly from: string;
	readonly to: string;
	readonly header: readonly (readonly [string, string])[];
	readonly port?: number;
	readonly claim: readonly (readonly [string, unknown])[];
	readonly serverName?: string;
	readonly identity?: string;
	readonly sourceAddress?: string;
	readonly external: "allow" | "deny";
	readonly file?: string;
}

/** What the process ends with, by where a call ends. */
export const explainExitCodes: Readonly<Record<Outcome, number>> = {
	reached: 0,
	denied: 3,
	unroutable: 4,
	answered: 5,
};

/** `amime explain`: what becomes of a call, without making it. */
export function addExplainCommand(program: Command, context: CliContext): void {
	const command = program
		.command("explain")
		.description(
			"say what the mesh does with a call, without making it: route, endpoints, mutual TLS and policies, each with file and line",
		)
		.argument("[method]", "GET and so on, or TCP for a connection", "GET")
		.argument("[path]", "path with query", "/")
		.requiredOption("--from <name>", "who calls: a workload, namespace/name of a workload or a Gateway, or 'outside'")
		.requiredOption("--to <host>", "the host that is called, as the client writes it")
		.option("-H, --header <name:value>", "a header of the request; may be repeated", collectHeader, [])
		.option("--port <port>", "port of the service (default: its first)", parsePort)
		.option(
			"--claim <name=value>",
			"a claim of a token that counts as verified (JSON or text); may be repeated",
			collectClaim,
			[],
		)
		.option("--server-name <name>", "the client speaks TLS itself, for this name")
		.option("--identity <spiffe-id>", "the client's SPIFFE ID in place of its workload's", parseSpiffeId)
		.option("--source-address <ip>", "the client's address in place of its instance's", parseAddress)
		.addOption(
			createChoiceOption(
				"--external <answer>",
				"what external authorization services are taken to say",
				["allow", "deny"],
				"allow",
			),
		)
		.option(
			"-f, --file <path>",
			"a folder of config, a file, or - for standard input, without a running mesh: every workload is taken to run (default: the running mesh)",
		)
		.addHelpText(
			"after",
			"\nExit codes: 0 reached, 3 denied, 4 unroutable, 5 answered by a rule (redirect, direct response, fault); 1 failure, 2 usage\n",
		)
		.action(async (method: string, path: string, options: ExplainOptions) => {
			const evaluator = await openEvaluator(context, {
				...(options.file !== undefined && { folder: options.file }),
				...(options.state !== undefined && { state: options.state }),
			});
			const explanation = (await evaluator.explain([toQuery(method, path, options)]))[0]!;
			await print(context, options.output, explanation, () => formatExplanation(explanation, context.palette));
			context.setExitCode(explainExitCodes[explanation.outcome]);
		});
	withExamples(withMeshOptions(command), [
		["amime explain --from web --to reviews.shop GET /x -H x-canary:yes", "of the running mesh"],
		["amime explain --from web --to orders POST /orders -f examples/shop", "of a folder"],
		["amime explain --from edge/ingress --to shop.example --claim sub=alice", "through a Gateway, with a token"],
		["amime explain --from outside --to db.shop --port 5432 TCP -o json", "a connection, for a program"],
	]);
}

/** `GET /x`, `/x` alone, or nothing. */
function toQuery(method: string, path: string, options: ExplainOptions): Query {
	const isPath = method.startsWith("/");
	const claims: Record<string, unknown> = {};
	for (const [name, value] of options.claim) claims[name] = value;
	const { from, to, port, serverName, identity, sourceAddress, external, header } = options;
	return {
		from,
		to,
		method: isPath ? "GET" : method.toUpperCase(),
		path: isPath ? method : path,
		headers: header,
		external,
		...(port !== undefined && { port }),
		...(options.claim.length > 0 && { claims }),
		...(serverName !== undefined && { serverName }),
		...(identity !== undefined && { identity }),
		...(sourceAddress !== undefined && { sourceAddress }),
	};
}

function collectHeader(
	text: string,
	before: readonly (readonly [string, string])[],
): readonly (readonly [string, string])[] {
	const colon = text.indexOf(":");
	if (colon <= 0) throw new InvalidArgumentError("write name:value");
	return [...before, [text.slice(0, colon).trim(), text.slice(colon + 1).trim()]];
}

function collectClaim(
	text: string,
	before: readonly (readonly [string, unknown])[],
): readonly (readonly [string, unknown])[] {
	const equals = text.indexOf("=");
	if (equals <= 0) throw new InvalidArgumentError("write name=value");
	return [...before, [text.slice(0, equals), readClaim(text.slice(equals + 1))]];
}

function readClaim(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (_text) {
		return text;
	}
}
