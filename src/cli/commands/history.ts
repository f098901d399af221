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
import type { Palette } from "../output/colour.ts";
import { diffLines } from "../output/line-diff.ts";
import { formatYaml } from "../output/render.ts";
import { formatTable } from "../output/table.ts";
import { parseCount } from "../parse-arguments.ts";

/** `amime history [REVISION]`: who applied or deleted what, newest first; of one revision, what changed in each object. */
export function addHistoryCommand(program: Command, context: CliContext): void {
	const command = program
		.command("history")
		.description("show who changed the configuration of the running mesh, when and what; newest first")
		.argument("[revision]", "one revision: what changed in each object", parseCount)
		.action(async (revision: number | undefined, options: MeshOptions) => {
			const mesh = openMesh(context, options);
			if (revision !== undefined) {
				const entry = (await mesh.request("GET", `/v1/history/${revision}`)) as HistoryEntryStatus;
				const text = options.output === "table" ? await formatEntry(entry, context.palette) : "";
				return print(context, options.output, entry, () => text);
			}
			const entries = (await mesh.list("/v1/history")) as HistoryStatus[];
			await print(context, options.output, entries, () => formatHistory(entries));
		});
	withExamples(withMeshOptions(command), [
		["amime history", "find the revision to go back to"],
		["amime history 42", "what changed there, line by line"],
	]);
}

/** `amime rollback REVISION`: everything that was applied is as it was at that revision. */
export function addRollbackCommand(program: Command, context: CliContext): void {
	const command = program
		.command("rollback")
		.description(
			"make all applied configuration as it was at a revision of the history (files of a folder stay as they are)",
		)
		.argument("<revision>", "number from 'amime history'", parseCount)
		.option("--before", "as it was before that revision: what it changed is taken back as well", false)
		.action(async (revision: number, options: { readonly state?: string; readonly before: boolean }) => {
			const path = `/v1/rollback/${revision}${options.before ? "?before=true" : ""}`;
			const answer = await openMesh(context, options).request("POST", path);
			const { items } = answer as { readonly items: readonly HistoryChange[] };
			const lines = items.map(({ kind, namespace, name, result }) => `${kind} ${namespace}/${name} ${result}\n`);
			context.host.out.write(
				lines.length === 0
					? `everything is as it was ${options.before ? "before" : "at"} revision ${revision}\n`
					: lines.join(""),
			);
		});
	withExamples(withState(command), [
		["amime rollback 42", "undo what was applied after revision 42"],
		["amime rollback 42 --before", "undo revision 42, too: the way back to before the first entry of the history"],
	]);
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

/** One entry with its documents; those of Secrets stay with the control plane. */
interface HistoryEntryStatus extends HistoryStatus {
	readonly changes: readonly (HistoryChange & { readonly before?: unknown; readonly after?: unknown })[];
}

async function formatEntry(entry: HistoryEntryStatus, palette: Palette): Promise<string> {
	const { revision, at, author, action, note, changes } = entry;
	const paints = { "-": palette.bad, "+": palette.good, " ": palette.dim } as const;
	const parts = await Promise.all(
		changes.map(async ({ kind, namespace, name, result, before, after }) => {
			const texts = await Promise.all([before, after].map((value) => (value === undefined ? "" : formatYaml(value))));
			const lines = diffLines(texts[0]!, texts[1]!).map((line) => paints[line[0] as keyof typeof paints](line));
			return [`${kind} ${namespace}/${name} ${result}`, ...lines].map((line) => `${line}\n`).join("");
		}),
	);
	const head = `revision ${revision}, ${at} by ${author}: ${action}${note === undefined ? "" : `; ${note}`}\n`;
	return [head, ...parts].join("\n");
}

const namedChanges = 3;

function describeChanges(changes: readonly HistoryChange[]): string {
	const named = changes
		.slice(0, namedChanges)
		.map(({ kind, namespace, name, result }) => `${kind} ${namespace}/${name} ${result}`)
		.join(", ");
	return changes.length > namedChanges ? `${named} and ${changes.length - namedChanges} more` : named;
}
