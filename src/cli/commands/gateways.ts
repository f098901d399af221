import type { Command } from "commander";
import { MeshError, suggestNearest } from "../../core/index.ts";
import { type CliContext, type MeshOptions, openMesh, print, withExamples, withMeshOptions } from "../context.ts";
import type { GatewayStatus } from "../mesh/admin-api.ts";
import { formatGateways } from "../output/gateway-table.ts";

/** `amime gateways [gateway]`: the listeners of Gateways, and where they are reached. */
export function addGatewaysCommand(program: Command, context: CliContext): void {
	const command = program
		.command("gateways")
		.description("show the listeners of each Gateway, where they are reached, and the proxies that serve them")
		.argument("[gateway]", "one Gateway's name, or namespace/name")
		.action(async (given: string | undefined, options: MeshOptions) => {
			const all = (await openMesh(context, options).list("/v1/gateways")) as GatewayStatus[];
			const found = given === undefined ? all : all.filter((gateway) => isNamed(gateway, given));
			if (given !== undefined && found.length === 0) throw notFound(given, all);
			await print(context, options.output, found, () => formatGateways(found, context.palette));
		});
	withExamples(withMeshOptions(command), [
		["amime gateways", "all of them"],
		["amime gateways edge/public -o json", "one, for a program"],
	]);
}

function isNamed({ namespace, name }: GatewayStatus, given: string): boolean {
	return given === name || given === `${namespace}/${name}`;
}

function notFound(given: string, all: readonly GatewayStatus[]): MeshError {
	const names = all.flatMap(({ namespace, name }) => [name, `${namespace}/${name}`]);
	return new MeshError("OBJECT_NOT_FOUND", `there is no Gateway ${given}${suggestNearest(given, names)}`);
}
