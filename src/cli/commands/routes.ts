import type { Command } from "commander";
import { type CliContext, type MeshOptions, openMesh, print, withExamples, withMeshOptions } from "../context.ts";
import type { AdminApi, RouteStatus } from "../mesh/admin-api.ts";
import { listNames, missingObject, splitName } from "../mesh/named-object.ts";
import { formatTable } from "../output/table.ts";

/** `amime routes [service]`: where requests for a service go, rule by rule. */
export function addRoutesCommand(program: Command, context: CliContext): void {
	const command = program
		.command("routes")
		.description("show where requests for each service go, in the order in which rules are tried")
		.argument("[service]", "one service's name, or namespace/name")
		.option("-n, --namespace <namespace>", "only of this namespace")
		.action(async (given: string | undefined, options: MeshOptions & { readonly namespace?: string }) => {
			const query = toServiceQuery(given, options.namespace);
			const mesh = openMesh(context, options);
			const routes = (await mesh.list(`/v1/routes${query}`)) as RouteStatus[];
			if (routes.length === 0) await requireService(mesh, given, options.namespace);
			await print(context, options.output, routes, () => formatRoutes(routes));
		});
	withExamples(withMeshOptions(command), [["amime routes reviews", "the canary of the example"]]);
}

/** The query `?service=&namespace=` of the lists that can be narrowed to one service. */
export function toServiceQuery(given: string | undefined, namespaceOption: string | undefined): string {
	const { namespace, name } = splitName(given, namespaceOption);
	const query = new URLSearchParams();
	if (name !== undefined) query.set("service", name);
	if (namespace !== undefined) query.set("namespace", namespace);
	return query.size === 0 ? "" : `?${query}`;
}

/** Does nothing unless `given` names a service that is not there.
 *  @throws MeshError `OBJECT_NOT_FOUND` with the nearest name */
export async function requireService(
	mesh: AdminApi,
	given: string | undefined,
	namespaceOption: string | undefined,
): Promise<void> {
	const words = splitName(given, namespaceOption);
	if (words.name === undefined) return;
	const services = await listNames(mesh, "Service");
	const isThere = services.some(
		({ name, namespace }) => name === words.name && (words.namespace === undefined || namespace === words.namespace),
	);
	if (!isThere) throw missingObject(services, "Service", words, "amime get service");
}

function formatRoutes(routes: readonly RouteStatus[]): string {
	if (routes.length === 0) return "no routes\n";
	const rows = routes.map((route) => [
		`${route.namespace}/${route.service}:${route.port}`,
		route.clients === undefined ? route.match : `${route.match} from namespace ${route.clients}`,
		route.action,
		route.route ?? "(default)",
	]);
	return formatTable(["SERVICE", "MATCH", "ACTION", "FROM"], rows);
}
