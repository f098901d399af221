import type { Command } from "commander";
import { MeshError, suggestNearest } from "../../core/index.ts";
import {
	type CliContext,
	type MeshOptions,
	openMesh,
	print,
	withExamples,
	withMeshOptions,
	withState,
} from "../context.ts";
import type { RolloutStatus } from "../mesh/admin-api.ts";
import { formatRollout, formatRollouts } from "../output/rollout.ts";

/** `amime rollout status|list|promote|abort`: changes that some proxies have before the others. */
export function addRolloutCommand(program: Command, context: CliContext): void {
	const command = program
		.command("rollout")
		.description("follow and decide changes that some proxies have first ('amime apply --canary')");
	const status = command
		.command("status")
		.description("show a rollout: who has it, and how they do beside the others")
		.argument("[rollout]", "its name (default: the newest)")
		.action(async (id: string | undefined, options: MeshOptions) => {
			const rollout = await find(context, options, id);
			await print(context, options.output, rollout, () => formatRollout(rollout));
		});
	withMeshOptions(status);
	const list = command
		.command("list")
		.description("show the last rollouts, newest first")
		.action(async (options: MeshOptions) => {
			const rollouts = (await openMesh(context, options).list("/v1/rollouts")) as RolloutStatus[];
			await print(context, options.output, rollouts, () => formatRollouts(rollouts));
		});
	withMeshOptions(list);
	for (const [name, meaning] of [
		["promote", "give the change to all proxies now"],
		["abort", "take the change back"],
	] as const) {
		const decision = command
			.command(name)
			.description(meaning)
			.argument("[rollout]", "its name (default: the newest)")
			.action(async (id: string | undefined, options: { readonly state?: string }) => {
				const rollout = await find(context, options, id);
				const after = await openMesh(context, options).request("POST", `/v1/rollouts/${rollout.id}/${name}`);
				const { state, reason } = after as RolloutStatus;
				context.host.out.write(`rollout ${rollout.id} ${state}: ${reason}\n`);
			});
		withState(decision);
	}
	withExamples(command, [
		["amime rollout status", "the figures of the newest"],
		["amime rollout promote", "do not wait any longer"],
		["amime rollout abort", "take it back"],
	]);
}

async function find(
	context: CliContext,
	options: { readonly state?: string },
	id: string | undefined,
): Promise<RolloutStatus> {
	const rollouts = (await openMesh(context, options).list("/v1/rollouts")) as RolloutStatus[];
	const found = id === undefined ? rollouts[0] : rollouts.find((rollout) => rollout.id === id);
	if (found !== undefined) return found;
	if (id === undefined)
		throw new MeshError("ROLLOUT_UNKNOWN", "nothing was rolled out yet: 'amime apply --canary 10%'");
	const hint = suggestNearest(id, new Set(rollouts.map((rollout) => rollout.id)));
	throw new MeshError("ROLLOUT_UNKNOWN", `there is no rollout '${id}'${hint}: see 'amime rollout list'`);
}
