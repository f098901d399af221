import type { Command } from "commander";
import { type CliContext, type MeshOptions, openMesh, print, withExamples, withMeshOptions } from "../context.ts";
import type { ConfigProblem, GatewayStatus, InstanceStatus, ProxyStatus, WorkloadStatus } from "../mesh/admin-api.ts";
import { formatStatus } from "../output/status-table.ts";

/** `amime status`: whether every proxy has what it should have, the workloads, and the gateways. */
export function addStatusCommand(program: Command, context: CliContext): void {
	const command = program
		.command("status")
		.description(
			"show what each proxy has of each resource type (SYNCED, STALE, NACKED and why), the workloads, and the gateways",
		)
		.action(async (options: MeshOptions) => {
			const mesh = openMesh(context, options);
			const [proxies, workloads, gateways, instances, problems] = (await Promise.all([
				mesh.list("/v1/proxies"),
				mesh.list("/v1/workloads"),
				mesh.list("/v1/gateways"),
				mesh.list("/v1/instances"),
				mesh.list("/v1/problems"),
			])) as unknown as [ProxyStatus[], WorkloadStatus[], GatewayStatus[], InstanceStatus[], ConfigProblem[]];
			const status = { proxies, workloads, gateways, instances, problems };
			await print(context, options.output, status, () => formatStatus(status, context.palette));
		});
	withExamples(withMeshOptions(command), [
		["amime status", "the tables"],
		["amime status -o json", "the same for a program"],
	]);
}
