import { type HttpRoute, isServiceParent, type Service, type ServicePort } from "../../model/index.ts";
import type { MeshIndex } from "./mesh-index.ts";

/** Whether a route leads to a port of a Service.
 *  @param kind of the route; any by default */
export function isRoutedTo(
	index: MeshIndex,
	{ namespace, name }: Service,
	{ port }: ServicePort,
	kind?: HttpRoute["kind"],
): boolean {
	const ports = index.remember(`routed ports ${kind ?? ""}`, () => listPorts(index, kind));
	return ports.has(`${namespace}/${name} ${port}`);
}

function listPorts({ mesh }: MeshIndex, kind: HttpRoute["kind"] | undefined): ReadonlySet<string> {
	const routes = mesh.httpRoutes.filter((route) => kind === undefined || route.kind === kind);
	return new Set(
		routes.flatMap(({ references }) =>
			references.filter(isServiceParent).map(({ namespace, name, port }) => `${namespace}/${name} ${port}`),
		),
	);
}
