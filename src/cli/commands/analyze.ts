import type { Command } from "commander";
import { type CliContext, type MeshOptions, openMesh, print, withExamples, withMeshOptions } from "../context.ts";
import type { FindingStatus } from "../mesh/admin-api.ts";
import { readConfig } from "../mesh/evaluator.ts";
import type { Palette } from "../output/colour.ts";
import { formatProblem } from "../output/problems.ts";
import { createChoiceOption } from "../parse-arguments.ts";

interface AnalyzeOptions extends MeshOptions {
	readonly file?: string;
	readonly failOn: "error" | "warning" | "info" | "never";
}

const ranks = { error: 0, warning: 1, info: 2, never: -1 } as const;

/** `amime analyze`: everything wrong with the config, and what is legal and most likely not meant. */
export function addAnalyzeCommand(program: Command, context: CliContext): void {
	const { host } = context;
	const command = program
		.command("analyze")
		.description("find what is wrong with the config, and what is legal and most likely not meant")
		.option(
			"-f, --file <path>",
			"a folder of config, a file, or - for standard input, without a running mesh (default: the running mesh)",
		)
		.addOption(
			createChoiceOption("--fail-on <severity>", "least severity to exit with 1 for", Object.keys(ranks), "error"),
		)
		.action(async (options: AnalyzeOptions) => {
			const findings = (
				options.file === undefined
					? await openMesh(context, options).list("/v1/analysis")
					: await host.analyze(await readConfig(context, options.file))
			) as readonly FindingStatus[];
			await print(context, options.output, findings, () => formatFindings(findings, context.palette));
			if (findings.some(({ severity }) => ranks[severity] <= ranks[options.failOn])) context.setExitCode(1);
		});
	withExamples(withMeshOptions(command), [
		["amime analyze", "of the running mesh"],
		["amime analyze -f config/ --fail-on warning", "of a folder, for CI"],
		["kubectl get vs,dr,gateways,svc,deploy -A -o yaml | amime analyze -f -", "what a cluster has, before moving"],
		["amime analyze -f config/ -o json", "the same for a program"],
	]);
}

function formatFindings(findings: readonly FindingStatus[], palette: Palette): string {
	if (findings.length === 0) return "nothing found\n";
	const paints = { error: palette.bad, warning: palette.warn, info: palette.dim };
	const foreign = findings.filter(isPlainlyForeign);
	const lines = findings
		.filter((finding) => !foreign.includes(finding))
		.map((finding) => {
			const { severity, code } = finding;
			const place = formatProblem({ ...finding, severity: "error" });
			return `${paints[severity](severity.padEnd(7))} ${code} ${place}\n`;
		});
	const counts = (["error", "warning", "info"] as const).map((severity) => {
		const count = findings.filter((finding) => finding.severity === severity).length;
		return `${count} ${severity}${count === 1 || severity === "info" ? "" : "s"}`;
	});
	return `${lines.join("")}${formatForeign(foreign, palette)}${counts.join(", ")}\n`;
}

/** Documents of other programs about which there is nothing to say but that they are passed over. */
function isPlainlyForeign({ code, problem }: FindingStatus): boolean {
	return code === "KIND_FOREIGN" && problem.endsWith("is passed over");
}

/** One line for all of them; JSON has each with its place. */
function formatForeign(findings: readonly FindingStatus[], palette: Palette): string {
	if (findings.length === 0) return "";
	const kinds = [...Map.groupBy(findings, ({ kind }) => kind ?? "")].map(([kind, { length }]) => `${kind} ${length}`);
	return `${palette.dim("info   ")} KIND_FOREIGN documents that are none of the mesh's are passed over: ${kinds.join(", ")}\n`;
}
