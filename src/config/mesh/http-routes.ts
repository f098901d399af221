import { formatObjectName, type HttpRoute, type RouteParent, type Service } from "../../model/index.ts";
import type { ConfigObjectOf } from "../config-object.ts";
import type { LocatedProblem } from "../located-problem.ts";
import { describeAt } from "./problem-at.ts";

/** An HTTPRoute whose parents have their ports by number. A parent that names a port the Service lacks is left out. */
export function resolveHttpRoute(
	object: ConfigObjectOf<"HTTPRoute">,
	services: ReadonlyMap<string, Service>,
	problems: LocatedProblem[],
): HttpRoute {
	const parents = object.value.parents.flatMap(({ portName, ...parent }, index): RouteParent[] => {
		if (portName === undefined) return [parent];
		const service = services.get(formatObjectName(parent.service));
		const port = service?.ports.find((candidate) => candidate.name === portName);
		if (port !== undefined && (parent.port === undefined || parent.port === port.port))
			return [{ ...parent, port: port.port }];
		if (service !== undefined) {
			const known = service.ports.map((candidate) => candidate.name).join(", ");
			const path = `spec.parentRefs[${index}].sectionName`;
			const reason = port === undefined ? `known are ${known}` : `its number is ${port.port}, not ${parent.port}`;
			problems.push(
				describeAt(object, path, `no port '${portName}' of Service ${formatObjectName(service)}: ${reason}`),
			);
		}
		return [];
	});
	return { ...object.value, parents };
}
