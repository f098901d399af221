import { resolve } from "node:path";
import type { Command } from "commander";
import { MeshError } from "../../core/index.ts";
import { type CliContext, openMesh, withExamples, withState } from "../context.ts";
import type { ConfigProblem } from "../mesh/admin-api.ts";
import { readText } from "../mesh/read-text.ts";
import { formatProblem } from "../output/problems.ts";

interface ApplyAnswer {
	readonly items?: readonly {
		readonly kind: string;
		readonly namespace?: string;
		readonly name: string;
		readonly result?: string;
	}[];
	readonly problems?: readonly ConfigProblem[];
}

/** `amime apply -f FILE`: puts documents into the running mesh. */
export function addApplyCommand(program: Command, context: CliContext): void {
	const { host } = context;
	const command = program
		.command("apply")
		.description("create or change configuration objects of the running mesh")
		.requiredOption("-f, --file <file>", "documents in YAML or JSON; - reads standard input")
		.action(async (options: { readonly file: string; readonly state?: string }) => {
			const mesh = openMesh(context, options);
			const text =
				options.file === "-"
					? await host.readStdin()
					: await readText(resolve(host.folder, options.file), options.file);
			const source = options.file === "-" ? "standard input" : options.file;
			const answer = (await mesh.request("PUT", "/v1/config", text).catch((error: unknown) => {
				throw nameSource(error, source);
			})) as ApplyAnswer;
			for (const item of answer.items ?? []) {
				const name = item.namespace === undefined ? item.name : `${item.namespace}/${item.name}`;
				host.out.write(`${item.kind} ${name} ${item.result ?? "configured"}\n`);
			}
			for (const problem of answer.problems ?? [])
				host.err.write(`${context.palette.warn("warning")} ${formatProblem({ ...problem, file: source })}\n`);
		});
	withExamples(withState(command), [
		["amime apply -f route.yaml", "put what the file holds into the mesh"],
		["cat route.yaml | amime apply -f -", "the same from standard input"],
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

function nameSource(error: unknown, source: string): unknown {
	if (!(error instanceof MeshError) || !("problems" in error)) return error;
	const problems = error.problems as readonly ConfigProblem[];
	if (problems.length === 0) return error;
	const named = problems.map((problem) => ({ ...problem, file: source }));
	return new RefusedDocuments(error.code, source, named);
}
