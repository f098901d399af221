import type { Command } from "commander";
import type { MeshDiff } from "../../explain/index.ts";
import { type CliContext, type MeshOptions, openMesh, print, withExamples, withMeshOptions } from "../context.ts";
import { readConfig, readTexts } from "../mesh/evaluator.ts";
import { formatDiff } from "../output/diff.ts";

interface DiffOptions extends MeshOptions {
	readonly file: string;
	readonly against?: string;
	readonly prune?: boolean;
	readonly exitCode?: boolean;
}

/** `amime diff -f PATH`: what a change would do to what proxies are given, and to whom; nothing is applied. */
export function addDiffCommand(program: Command, context: CliContext): void {
	const command = program
		.command("diff")
		.description("show what a folder of config would change for which proxies; nothing is applied")
		.requiredOption("-f, --file <path>", "the config as it is to be: a folder, a file, or - for standard input")
		.option(
			"--against <path>",
			"the config as it is, a folder or a file, without a running mesh (default: the running mesh)",
		)
		.option("--prune", "objects of the running mesh that are not in the folder go; always so with --against")
		.option("--exit-code", "exit with 3 when something changes")
		.action(async (options: DiffOptions) => {
			const diff = await computeDiff(context, options);
			await print(context, options.output, diff, () => formatDiff(diff, context.palette));
			if (diff.problems.added.some(({ severity }) => severity === "error")) context.setExitCode(1);
			else if (options.exitCode === true && diff.objects.length + diff.proxies.length > 0) context.setExitCode(3);
		});
	withExamples(withMeshOptions(command), [
		["amime diff -f config/", "what applying config/ would do to the running mesh"],
		["amime diff -f config/ --against main/config/", "between two folders, as in a review"],
		["amime diff -f config/ -o json", "the same for a program"],
	]);
}

async function computeDiff(context: CliContext, { file, against, prune, state }: DiffOptions): Promise<MeshDiff> {
	const after = await readConfig(context, file);
	if (against === undefined) {
		const files = await readTexts(context, after);
		const mesh = openMesh(context, state === undefined ? {} : { state });
		return (await mesh.request("POST", "/v1/diff", { files, prune: prune === true })) as MeshDiff;
	}
	const { createOfflineWorld, diffWorlds } = await import("../../explain/index.ts");
	const before = await readConfig(context, against);
	return diffWorlds(
		{ world: createOfflineWorld(before.objects, before), objects: before.objects },
		{ world: createOfflineWorld(after.objects, after), objects: after.objects },
		(objects) => createOfflineWorld(objects),
	);
}
