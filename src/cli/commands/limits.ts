import type { Command } from "commander";
import { type CliContext, type MeshOptions, openMesh, print, withExamples, withMeshOptions } from "../context.ts";
import type { LimitStatus } from "../mesh/admin-api.ts";
import { missingObject, splitName } from "../mesh/named-object.ts";
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
			const words = splitName(given, options.namespace);
			const limits = all.filter(
				({ namespace, policy }) =>
					(words.name === undefined || policy === words.name) &&
					(words.namespace === undefined || namespace === words.namespace),
			);
			if (limits.length === 0 && given !== undefined) {
				const known = all.map(({ namespace, policy }) => ({ namespace, name: policy }));
				throw missingObject(known, "RateLimitPolicy", words, "amime limits");
			}
			await print(context, options.output, limits, () =>
				formatLimits(limits, context.palette, options.leases === true),
			);
		});
	withExamples(withMeshOptions(command), [
		["amime limits", "every limit, and the budgets of global ones"],
		["amime limits shop/orders --leases", "which proxy may let through how much"],
	]);
}
