import { suggestNearest } from "../../core/index.ts";
import { formatObjectName, type HttpRoute, type Service, type StreamRoute } from "../../model/index.ts";
import type { ConfigObject } from "../config-object.ts";
import type { LocatedProblem } from "../located-problem.ts";
import { describeAt } from "./problem-at.ts";

/** What a route of the Gateway API says of Services that does not hold. */
export function checkRoute(
	object: ConfigObject,
	route: HttpRoute | StreamRoute,
	services: ReadonlyMap<string, Service>,
): LocatedProblem[] {
	const parents = route.parents.flatMap((parent, index) => {
		if (parent.kind !== "Service" || parent.group !== "") return [];
		const path = `spec.parentRefs[${index}]`;
		const effect = "the route has no effect there";
		return [
			...checkServicePort(object, path, formatObjectName(parent), parent.port, services, effect),
			...checkPortName(object, path, services.get(formatObjectName(parent)), parent.sectionName, parent.port),
		];
	});
	const references = route.references.flatMap((reference) => {
		if (reference.kind !== "Service" || reference.group !== "") return [];
		const effect = "its share of requests is answered with 500";
		return checkServicePort(object, reference.path, formatObjectName(reference), reference.port, services, effect);
	});
	const weightless = route.rules.flatMap(({ backends, path }) =>
		backends.length > 0 && backends.every(({ weight }) => weight === 0)
			? [
					describeAt(
						object,
						`${path}.backendRefs`,
						"every weight is 0: all requests are answered with 500",
						"WEIGHTS_ZERO",
					),
				]
			: [],
	);
	return [...parents, ...references, ...weightless];
}

function checkServicePort(
	object: ConfigObject,
	path: string,
	key: string,
	port: number | undefined,
	services: ReadonlyMap<string, Service>,
	effect: string,
): LocatedProblem[] {
	const service = services.get(key);
	if (service === undefined) {
		const hint = suggestNearest(key, services.keys());
		return [describeAt(object, `${path}.name`, `no Service ${key}${hint}: ${effect}`, "SERVICE_UNKNOWN")];
	}
	if (port === undefined || service.ports.some((candidate) => candidate.port === port)) return [];
	const known = service.ports.map((candidate) => candidate.port).join(", ");
	return [
		describeAt(
			object,
			`${path}.port`,
			`Service ${key} has no port ${port}, known are ${known}: ${effect}`,
			"PORT_UNKNOWN",
		),
	];
}

function checkPortName(
	object: ConfigObject,
	path: string,
	service: Service | undefined,
	name: string | undefined,
	number: number | undefined,
): LocatedProblem[] {
	if (service === undefined || name === undefined) return [];
	const port = service.ports.find((candidate) => candidate.name === name);
	if (port !== undefined && (number === undefined || number === port.port)) return [];
	const known = service.ports.map((candidate) => candidate.name).join(", ");
	const reason = port === undefined ? `known are ${known}` : `its number is ${port.port}, not ${number}`;
	return [
		describeAt(
			object,
			`${path}.sectionName`,
			`no port '${name}' of Service ${formatObjectName(service)}: ${reason}`,
			"PORT_UNKNOWN",
		),
	];
}
