import { suggestNearest } from "../../core/index.ts";
import { type BackendRef, formatServiceHost, type Service } from "../../model/index.ts";
import type { ConfigObjectOf } from "../config-object.ts";
import type { LocatedProblem } from "../located-problem.ts";
import type { View } from "./check-references.ts";
import { completeHost } from "./hosts.ts";
import { describeAt } from "./problem-at.ts";

/** Destinations of a VirtualService that no service of the mesh answers for, ports and subsets that there are not, and hosts that are
 *  a Service by a name that only matches as written. */
export function checkVirtualService(object: ConfigObjectOf<"VirtualService">, view: View): LocatedProblem[] {
	const { clusterDomain } = view.mesh.settings;
	const services = new Map(view.mesh.services.map((service) => [formatServiceHost(service, clusterDomain), service]));
	const problems: LocatedProblem[] = [];
	for (const [index, host] of object.value.hosts.entries()) {
		const [name, namespace, ...rest] = host.split(".");
		const isShort = namespace !== undefined && (rest.length === 0 || rest.join(".") === "svc");
		if (isShort && view.services.has(`${namespace}/${name}`))
			problems.push(
				describeAt(
					object,
					`spec.hosts[${index}]`,
					`'${host}' matches only requests that say exactly this: for Service ${namespace}/${name} write ${name}.${namespace}.svc.${clusterDomain}`,
					"HOST_MATCHES_LITERALLY",
				),
			);
	}
	for (const rule of [...object.value.http, ...object.value.tls, ...object.value.tcp])
		for (const [index, backend] of rule.backends.entries())
			problems.push(...checkBackend(object, backend, `${rule.path}.route[${index}].destination`, services, view));
	return problems;
}

function checkBackend(
	object: ConfigObjectOf<"VirtualService">,
	{ destination, port, subset }: BackendRef,
	path: string,
	services: ReadonlyMap<string, Service>,
	view: View,
): LocatedProblem[] {
	if (destination.kind !== "host") return [];
	const host = completeHost(destination.host, object.namespace, view.mesh.settings.clusterDomain);
	const service = services.get(host);
	const effect = "its share of requests is answered with 503";
	if (service === undefined)
		return [
			describeAt(
				object,
				`${path}.host`,
				`no service ${host}${suggestNearest(host, services.keys())}: ${effect}`,
				"SERVICE_UNKNOWN",
			),
		];
	if (port !== undefined && !service.ports.some((candidate) => candidate.port === port)) {
		const known = service.ports.map((candidate) => candidate.port).join(", ");
		return [
			describeAt(object, `${path}.port`, `${host} has no port ${port}, known are ${known}: ${effect}`, "PORT_UNKNOWN"),
		];
	}
	const rules = view.mesh.destinationRules.filter((rule) => rule.host === host);
	if (subset === undefined || rules.some((rule) => rule.subsets.some(({ name }) => name === subset))) return [];
	return [
		describeAt(
			object,
			`${path}.subset`,
			`no DestinationRule of ${host} has the subset '${subset}': ${effect}`,
			"SUBSET_UNKNOWN",
		),
	];
}
