import type { Command } from "commander";
import { MeshError, suggestNearest } from "../../core/index.ts";
import { type CliContext, type MeshOptions, openMesh, print, withExamples, withMeshOptions } from "../context.ts";
import type { LimitStatus } from "../mesh/admin-api.ts";
import { formatLimits } from "../output/limits.ts";

interface LimitsOptions extends MeshOptions {
	readonly namespace?: string;
	readonly leases?: boolean;
}

/** `amime limits [policy]`: what rate limits let through, and which proxy holds which lease. */
export function addLimitsCommand(program: Command, context: CliContext): void {
	const command = program
		.command("limits")
		.description("show rate limits: what is asked for, what passes, and who holds which lease")
		.argument("[policy]", "one RateLimitPolicy's name, or namespace/name")
		.option("-n, --namespace <namespace>", "only of this namespace")
		.option("--leases", "each proxy's lease on a line of its own")
		.action(async (given: string | undefined, options: LimitsOptions) => {
			const mesh = openMesh(context, options);
			const all = (await mesh.list("/v1/limits")) as LimitStatus[];
			const [name, namespace] = (given ?? "").split("/").reverse();
			const within = namespace ?? options.namespace;
			const limits = all.filter(
				(limit) =>
					(given === undefined || limit.policy === name) && (within === undefined || limit.namespace === within),
			);
			if (limits.length === 0 && given !== undefined) throw unknownPolicy(given, all);
			await print(context, options.output, limits, () =>
				formatLimits(limits, context.palette, options.leases === true),
			);
		});
	withExamples(withMeshOptions(command), [
		["amime limits", "every limit, and the budgets of global ones"],
		["amime limits shop/orders --leases", "which proxy may let through how much"],
	]);
}

function unknownPolicy(given: string, all: readonly LimitStatus[]): MeshError {
	const known = [...new Set(all.map(({ namespace, policy }) => `${namespace}/${policy}`))];
	const names = given.includes("/") ? known : known.map((name) => name.split("/")[1]!);
	const hint = suggestNearest(given, names) || (known.length === 0 ? ": the mesh has none" : "");
	return new MeshError("OBJECT_NOT_FOUND", `no RateLimitPolicy ${given}${hint}`);
}
