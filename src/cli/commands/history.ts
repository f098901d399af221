import type { Command } from "commander";
import {
	type CliContext,
	type MeshOptions,
	openMesh,
	print,
	withExamples,
	withMeshOptions,
	withState,
} from "../context.ts";
import type { HistoryChange, HistoryStatus } from "../mesh/admin-api.ts";
import { formatTable } from "../output/table.ts";
import { parseCount } from "../parse-arguments.ts";

/** `amime history`: who applied or deleted what, newest first. */
export function addHistoryCommand(program: Command, context: CliContext): void {
	const command = program
		.command("history")
		.description("show who changed the configuration of the running mesh, when and what; newest first")
		.action(async (options: MeshOptions) => {
			const entries = (await openMesh(context, options).list("/v1/history")) as HistoryStatus[];
			await print(context, options.output, entries, () => formatHistory(entries));
		});
	withExamples(withMeshOptions(command), [["amime history", "find the revision to go back to"]]);
}

/** `amime rollback REVISION`: everything that was applied is as it was at that revision. */
export function addRollbackCommand(program: Command, context: CliContext): void {
	const command = program
		.command("rollback")
		.description(
			"make all applied configuration as it was at a revision of the history (files of a folder stay as they are)",
		)
		.argument("<revision>", "number from 'amime history'", parseCount)
		.action(async (revision: number, options: { readonly state?: string }) => {
			const answer = await openMesh(context, options).request("POST", `/v1/rollback/${revision}`);
			const { items } = answer as { readonly items: readonly HistoryChange[] };
			const lines = items.map(({ kind, namespace, name, result }) => `${kind} ${namespace}/${name} ${result}\n`);
			context.host.out.write(lines.length === 0 ? `everything is as it was at revision ${revision}\n` : lines.join(""));
		});
	withExamples(withState(command), [["amime rollback 42", "undo what was applied after revision 42"]]);
}

function formatHistory(entries: readonly HistoryStatus[]): string {
	if (entries.length === 0) return "nothing was applied yet\n";
	const rows = entries.map(({ revision, at, author, action, changes, note }) => [
		String(revision),
		at,
		author,
		action,
		[...(changes.length === 0 ? [] : [describeChanges(changes)]), ...(note === undefined ? [] : [note])].join("; "),
	]);
	return formatTable(["REVISION", "WHEN", "WHO", "ACTION", "WHAT"], rows);
}

const namedChanges = 3;

function describeChanges(changes: readonly HistoryChange[]): string {
	const named = changes
		.slice(0, namedChanges)
		.map(({ kind, namespace, name, result }) => `${kind} ${namespace}/${name} ${result}`)
		.join(", ");
	return changes.length > namedChanges ? `${named} and ${changes.length - namedChanges} more` : named;
}
