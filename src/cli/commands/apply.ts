import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { MeshError } from "../../core/index.ts";
import { type CliContext, openMesh, withExamples, withState } from "../context.ts";
import type { ConfigProblem, RolloutStatus } from "../mesh/admin-api.ts";
import { readConfig, readTexts } from "../mesh/evaluator.ts";
import { type JoinedTexts, joinFiles, type NamedText } from "../mesh/join-files.ts";
import { readText } from "../mesh/read-text.ts";
import { formatProblem } from "../output/problems.ts";
import { type CanaryOptions, toRolloutQuery, withCanaryOptions } from "./canary-options.ts";
import { followRollout } from "./follow-rollout.ts";

interface ApplyOptions extends CanaryOptions {
	readonly file: string;
	readonly state?: string;
}

interface ApplyAnswer {
	readonly items?: readonly {
		readonly kind: string;
		readonly namespace?: string;
		readonly name: string;
		readonly result?: string;
	}[];
	readonly problems?: readonly ConfigProblem[];
	readonly rollout?: RolloutStatus;
}

/** `amime apply -f FILE`: puts documents into the running mesh. */
export function addApplyCommand(program: Command, context: CliContext): void {
	const { host } = context;
	const command = program
		.command("apply")
		.description("create or change configuration objects of the running mesh")
		.requiredOption("-f, --file <path>", "documents in YAML or JSON: a file, a folder, or - for standard input");
	withCanaryOptions(command).action(async (options: ApplyOptions) => {
		const mesh = openMesh(context, options);
		const joined = joinFiles(await readDocuments(context, options.file));
		const query = toRolloutQuery(command, options);
		const [method, path] =
			query === undefined ? (["PUT", "/v1/config"] as const) : (["POST", `/v1/rollouts${query}`] as const);
		const answer = (await mesh.request(method, path, joined.text).catch((error: unknown) => {
			throw nameSource(error, options.file === "-" ? "standard input" : options.file, joined);
		})) as ApplyAnswer;
		for (const item of answer.items ?? []) {
			const name = item.namespace === undefined ? item.name : `${item.namespace}/${item.name}`;
			const result = answer.rollout === undefined || item.result === "unchanged" ? item.result : "to be rolled out";
			host.out.write(`${item.kind} ${name} ${result ?? "configured"}\n`);
		}
		for (const problem of answer.problems ?? [])
			host.err.write(
				`${context.palette.warn("warning")} ${formatProblem({ ...problem, ...joined.locate(problem.line ?? 0) })}\n`,
			);
		if (answer.rollout !== undefined) await followRollout(context, options, answer.rollout);
	});
	withExamples(withState(command), [
		["amime apply -f route.yaml", "put what the file holds into the mesh"],
		["amime apply -f config/", "what every file of a folder holds, all of it or nothing"],
		["cat route.yaml | amime apply -f -", "the same from standard input"],
		[
			"amime apply -f route.yaml --canary 10%",
			"give it to a tenth of the proxies first, and take it back if they do worse",
		],
		["amime apply -f route.yaml --steps 5%,25%,100% --watch 5m", "in steps"],
	]);
}

/** A refused body, told with the file that it was: the control plane knows only the text. */
class RefusedDocuments extends MeshError {
	readonly problems: readonly ConfigProblem[];

	constructor(code: string, source: string, problems: readonly ConfigProblem[]) {
		const what = problems.length === 1 ? formatProblem(problems[0]!) : `${problems.length} problems in ${source}`;
		super(code, `nothing was applied: ${what}`);
		this.problems = problems;
	}
}

/** What `-f` names: a file as it is, the files of a folder that are config, or standard input. */
async function readDocuments(context: CliContext, given: string): Promise<readonly NamedText[]> {
	const { host } = context;
	if (given === "-") return [{ path: "standard input", text: await host.readStdin() }];
	const path = resolve(host.folder, given);
	const isFolder = await stat(path).then(
		(stats) => stats.isDirectory(),
		() => false,
	);
	if (isFolder) return readTexts(context, await readConfig(context, given));
	return [{ path: given, text: await readText(path, given) }];
}

function nameSource(error: unknown, source: string, { locate }: JoinedTexts): unknown {
	if (!(error instanceof MeshError) || !("problems" in error)) return error;
	const problems = error.problems as readonly ConfigProblem[];
	if (problems.length === 0)
		return error.code === "CONFIG_EMPTY" ? new MeshError(error.code, `${source} holds no document`) : error;
	const named = problems.map((problem) => ({ ...problem, ...locate(problem.line ?? 0) }));
	return new RefusedDocuments(error.code, source, named);
}
