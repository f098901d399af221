import type { Command } from "commander";
import { type CliContext, locateMesh, type MeshOptions, print, withExamples, withMeshOptions } from "../context.ts";
import { readLoggedFailures } from "../mesh/proxy-logs.ts";
import {
	formatFailureList,
	formatFailureStory,
	formatLoggedFailures,
	formatSilentProxies,
	type ToldFailures,
} from "../output/failures.ts";
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
		.option("-v, --verbose", "everything that each proxy knows about the request", false)
		.action(async (id: string | undefined, options: WhyOptions) => {
			const query = new URLSearchParams({ limit: String(options.last), kind: options.dryRun ? "dry-run" : "failed" });
			if (id !== undefined) query.set("id", id);
			const mesh = locateMesh(context, options);
			const answer = await context.host.connect(mesh).request("GET", `/v1/failures?${query}`);
			const { items, silent } = answer as ToldFailures;
			const logged =
				mesh.stateFolder === undefined || options.dryRun
					? []
					: readLoggedFailures(mesh.stateFolder, silent, { id, limit: options.last });
			if (id !== undefined && items.length + logged.length === 0) context.setExitCode(1);
			await print(context, options.output, items, () => {
				const isElsewhere = items.length === 0 && logged.length > 0;
				const text = isElsewhere
					? ""
					: id === undefined
						? formatFailureList(items, options.dryRun)
						: formatFailureStory(id, items, context.palette, options.verbose);
				return text + formatLoggedFailures(logged, isElsewhere) + formatSilentProxies(silent);
			});
		});
	withExamples(withMeshOptions(command), [
		["amime why", "the last requests that failed, and the reasons"],
		["amime why --dry-run", "the last requests that a policy in dry run would have denied"],
		["amime why 5f0c7a3e-4b1d-4f0e-9a52-0d6c1f3b7e11", "why one of them failed, whose fault it is and what helps"],
		["amime why -v 5f0c7a3e-4b1d-4f0e-9a52-0d6c1f3b7e11", "everything about it, proxy by proxy"],
	]);
}

interface WhyOptions extends MeshOptions {
	readonly last: number;
	readonly dryRun: boolean;
	readonly verbose: boolean;
}
