import type { Command } from "commander";
import { type CliContext, type MeshOptions, openMesh, print, withExamples, withMeshOptions } from "../context.ts";
import type { FailureStatus } from "../mesh/admin-api.ts";
import type { Palette } from "../output/colour.ts";
import { formatRef } from "../output/explanation.ts";
import { formatTable } from "../output/table.ts";
import { parseLast } from "../parse-arguments.ts";

/** `amime why [REQUEST_ID]`: what the proxies of the mesh know about a request that failed. */
export function addWhyCommand(program: Command, context: CliContext): void {
	const command = program
		.command("why")
		.description("show why a request failed, proxy by proxy; without an id, the last requests that failed")
		.argument("[request-id]", "the x-request-id of the answer or of the access log")
		.option("--last <count>", "how many to show without an id", parseLast, 20)
		.option(
			"--dry-run",
			"those that policies which are only tried would have denied, or that AUDIT policies matched",
			false,
		)
		.action(async (id: string | undefined, options: WhyOptions) => {
			const query = new URLSearchParams({ limit: String(options.last), kind: options.dryRun ? "dry-run" : "failed" });
			if (id !== undefined) query.set("id", id);
			const answer = await openMesh(context, options).request("GET", `/v1/failures?${query}`);
			const { items, silent } = answer as ToldFailures;
			if (id !== undefined && items.length === 0) context.setExitCode(1);
			await print(context, options.output, items, () => {
				const text = id === undefined ? formatList(items, options.dryRun) : formatStory(id, items, context.palette);
				return text + formatSilent(silent);
			});
		});
	withExamples(withMeshOptions(command), [
		["amime why", "the last requests that failed"],
		["amime why --dry-run", "the last requests that a policy in dry run would have denied"],
		["amime why 5f0c7a3e-4b1d-4f0e-9a52-0d6c1f3b7e11", "everything about one of them"],
	]);
}

interface WhyOptions extends MeshOptions {
	readonly last: number;
	readonly dryRun: boolean;
}

interface ToldFailures {
	/** In the order of time. */
	readonly items: readonly FailureStatus[];
	/** Instances whose proxies keep no list: stock Envoys, or out of reach. */
	readonly silent: readonly string[];
}

function formatList(failures: readonly FailureStatus[], isDryRun: boolean): string {
	if (failures.length === 0) return isDryRun ? "no request would have been denied\n" : "no request has failed\n";
	const rows = failures.map((failure) => [
		failure.time,
		failure.proxy,
		`${failure.method ?? "-"} ${failure.authority ?? ""}${failure.path ?? ""}`,
		String(failure.status),
		failure.flags ?? "-",
		(isDryRun ? describeTried(failure) : failure.details) ?? "-",
		failure.request_id ?? "-",
	]);
	return formatTable(
		["TIME", "PROXY", "REQUEST", "STATUS", "FLAGS", isDryRun ? "POLICY" : "DETAILS", "REQUEST ID"],
		rows,
	);
}

function formatStory(id: string, failures: readonly FailureStatus[], { bad, dim, strong }: Palette): string {
	if (failures.length === 0) {
		return `no proxy knows a failed request ${id}: each keeps its last 1000 failures, and nothing of requests that went well\n`;
	}
	return failures
		.map((failure) => {
			const head = `${strong(failure.proxy)}  ${failure.method ?? "-"} ${failure.authority ?? ""}${failure.path ?? ""}  ${failure.status >= 400 || failure.status === 0 ? bad(String(failure.status)) : String(failure.status)}`;
			const facts: [string, unknown][] = [
				["time", `${failure.time}, took ${failure.duration_ms ?? "?"} ms`],
				["caller", failure.caller ?? failure.remote_address],
				["flags", failure.flags],
				["details", failure.details],
				["dry run", failure.would_deny === null ? null : `would have been denied by ${failure.would_deny}`],
				["audited", failure.audited],
				["lacking", failure.reason?.split(" | ").join("\n           ")],
				["route", [failure.route, failure.route_config].filter((part) => part !== null).join("  ")],
				["cluster", failure.upstream_cluster],
				["endpoint", describeEndpoint(failure)],
				["failure", failure.upstream_failure],
				["objects", failure.objects.map(formatRef).join("\n           ")],
			];
			const lines = facts.flatMap(([name, value]) =>
				value === null || value === undefined || value === "" ? [] : [`  ${dim(name.padEnd(8))} ${String(value)}`],
			);
			const why = failure.explanation.map((sentence) => `  => ${sentence}`);
			return `${[head, ...lines, ...why].join("\n")}\n`;
		})
		.join("\n");
}

function describeTried({ would_deny: wouldDeny, audited }: FailureStatus): string | null {
	return wouldDeny === null ? audited : `would have been denied by ${wouldDeny}`;
}

function describeEndpoint({ callee, upstream_attempts: attempts, upstream_host: host }: FailureStatus): string | null {
	if (host === null) return null;
	const tries = attempts !== null && attempts > 1 ? `, ${attempts} attempts` : "";
	return `${host}${callee === null ? "" : ` (${callee})`}${tries}`;
}

function formatSilent(silent: readonly string[]): string {
	if (silent.length === 0) return "";
	return `\nnot asked: ${silent.join(", ")} (a stock Envoy keeps no such list; the proxy is not there, see its log in the state folder; or its admin port is out of the reach of the control plane)\n`;
}
