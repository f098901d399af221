import type { Command } from "commander";
import { type CliContext, type MeshOptions, openMesh, print, withExamples, withMeshOptions } from "../context.ts";
import type { EndpointStatus } from "../mesh/admin-api.ts";
import type { Paint, Palette } from "../output/colour.ts";
import { formatTable } from "../output/table.ts";
import { requireService, toServiceQuery } from "./routes.ts";

/** `amime endpoints [service]`: the instances behind each service port. */
export function addEndpointsCommand(program: Command, context: CliContext): void {
	const command = program
		.command("endpoints")
		.description("show the instances behind each service, their addresses and their health")
		.argument("[service]", "one service's name, or namespace/name")
		.option("-n, --namespace <namespace>", "only of this namespace")
		.action(async (given: string | undefined, options: MeshOptions & { readonly namespace?: string }) => {
			const query = toServiceQuery(given, options.namespace);
			const mesh = openMesh(context, options);
			const endpoints = (await mesh.list(`/v1/endpoints${query}`)) as EndpointStatus[];
			if (endpoints.length === 0) await requireService(mesh, given, options.namespace);
			await print(context, options.output, endpoints, () => formatEndpoints(endpoints, context.palette));
		});
	withExamples(withMeshOptions(command), [["amime endpoints ratings", "the replicas of one service"]]);
}

function formatEndpoints(endpoints: readonly EndpointStatus[], palette: Palette): string {
	if (endpoints.length === 0) return "no endpoints\n";
	const rows = endpoints.map((endpoint) => [
		`${endpoint.namespace}/${endpoint.service}:${endpoint.port}`,
		endpoint.instance,
		`${endpoint.address}:${endpoint.meshPort}`,
		endpoint.tls ? "mutual TLS" : "plain",
		paintOf(endpoint.health, palette)(endpoint.health),
		endpoint.healthReason ?? "",
	]);
	return formatTable(["SERVICE", "INSTANCE", "ADDRESS", "TRANSPORT", "HEALTH", ""], rows);
}

function paintOf(health: string, palette: Palette): Paint {
	if (health === "ready") return palette.good;
	return health === "unready" ? palette.bad : palette.warn;
}
