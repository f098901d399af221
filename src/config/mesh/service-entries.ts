import {
	formatObjectName,
	type Labels,
	matchesLabels,
	type Service,
	type ServiceEndpoint,
	type ServiceEntry,
	type WorkloadEndpoint,
	type WorkloadEntry,
	type WorkloadInstance,
} from "../../model/index.ts";
import type { ConfigObjectOf } from "../config-object.ts";
import type { LocatedProblem } from "../located-problem.ts";
import { describeAt } from "./problem-at.ts";

/** The hosts of ServiceEntries as services. Two of one host in one namespace are one service: the older one's, with the endpoints and
 *  ports of both, each endpoint at the ports of its own entry.
 *  @param instances workloads that `workloadSelector` may select beside WorkloadEntries */
export function resolveServiceEntries(
	objects: readonly ConfigObjectOf<"ServiceEntry">[],
	workloadEntries: readonly WorkloadEntry[],
	instances: readonly WorkloadInstance[],
	problems: LocatedProblem[],
): Service[] {
	const services = new Map<string, Service>();
	const declared = instances.map(fromInstance);
	const sorted = [...objects].sort(
		(a, b) => a.value.createdAt - b.value.createdAt || (formatObjectName(a) < formatObjectName(b) ? -1 : 1),
	);
	for (const object of sorted) {
		for (const [index, host] of object.value.hosts.entries()) {
			const service = toService(object.value, host, selectEndpoints(object.value, workloadEntries, declared));
			const key = formatObjectName(service);
			const first = services.get(key);
			services.set(key, first === undefined ? service : mergeServices(first, service));
			if (first !== undefined)
				problems.push(
					describeAt(
						object,
						`spec.hosts[${index}]`,
						`${first.source.file}:${first.source.line} is older and has the host too: its settings count, the endpoints of both at the ports that each has`,
						"HOST_CLAIMED_TWICE",
					),
				);
		}
	}
	return [...services.values()];
}

/** Name of the service of a host: never that of a `v1/Service`, which has no dots. */
function nameOf(host: string): string {
	return host.includes(".") ? host : `${host}.`;
}

function toService(entry: ServiceEntry, host: string, selected: readonly ServiceEndpoint[]): Service {
	const { namespace, labels, ports, resolution, exportTo, addresses, subjectAltNames, createdAt, source } = entry;
	const own = entry.endpoints.map((endpoint) => toEndpoint(endpoint, entry.namespace));
	const byName: ServiceEndpoint[] =
		resolution.startsWith("dns") && own.length === 0 && entry.selector === undefined
			? [{ address: host, ports: {}, labels: {}, weight: 1, health: "ready", namespace }]
			: [];
	return {
		namespace,
		name: nameOf(host),
		host,
		entry: entry.name,
		labels,
		ports,
		addresses,
		resolution,
		isExternal: entry.isExternal,
		endpoints: [...own, ...byName, ...selected],
		...(exportTo !== undefined && { exportTo }),
		...(subjectAltNames.length > 0 && { subjectAltNames }),
		createdAt,
		source,
	};
}

function selectEndpoints(
	{ selector, namespace }: ServiceEntry,
	workloadEntries: readonly WorkloadEntry[],
	declared: readonly ServiceEndpoint[],
): ServiceEndpoint[] {
	if (selector === undefined) return [];
	const isSelected = (item: { readonly namespace: string; readonly labels: Labels }): boolean =>
		item.namespace === namespace && matchesLabels(selector, item.labels);
	return [...workloadEntries.filter(isSelected).map(fromEntry), ...declared.filter(isSelected)];
}

/** A WorkloadEntry as an endpoint of a service. */
export function fromEntry(entry: WorkloadEntry): ServiceEndpoint {
	const endpoint = toEndpoint(entry, entry.namespace, entry.name);
	return entry.isUnready === true ? { ...endpoint, health: "unready" } : endpoint;
}

/** An endpoint that is written in an object as one of a service. */
export function toEndpoint(endpoint: WorkloadEndpoint, namespace: string, workload?: string): ServiceEndpoint {
	const { address, ports, labels, locality, weight, serviceAccount, isMutualTls } = endpoint;
	return {
		address,
		ports,
		labels,
		...(locality !== undefined && { locality }),
		weight,
		...(serviceAccount !== undefined && { serviceAccount }),
		isMutualTls,
		health: "ready",
		namespace,
		...(workload !== undefined && { workload }),
	};
}

function fromInstance(instance: WorkloadInstance): ServiceEndpoint {
	const { address, labels, locality, nodeName, serviceAccount, pattern, health, workload, namespace } = instance;
	return {
		address,
		ports: {},
		labels,
		...(locality !== undefined && { locality }),
		...(nodeName !== undefined && { nodeName }),
		weight: 1,
		serviceAccount,
		...(pattern === "sidecar" && { isMutualTls: true }),
		health: health === "ready" || health === "draining" ? health : "unready",
		workload,
		namespace,
	};
}

/** Each endpoint serves the ports of its own entry, told by their names (Istio): two entries of one host may put different things behind
 *  different ports. */
function mergeServices(first: Service, second: Service): Service {
	const isAlike = (first.resolution ?? "endpoints") === (second.resolution ?? "endpoints");
	const added = isAlike ? second.ports.filter((port) => !first.ports.some((known) => known.port === port.port)) : [];
	return {
		...first,
		ports: [...first.ports, ...added],
		addresses: [...new Set([...(first.addresses ?? []), ...(second.addresses ?? [])])],
		endpoints: [...withOwnPorts(first), ...withOwnPorts(second)],
	};
}

/** The endpoints of a service, each at no other ports than its own. */
function withOwnPorts({ ports, endpoints = [] }: Service): ServiceEndpoint[] {
	return endpoints.map((endpoint) => {
		if (endpoint.hasOnlyNamedPorts === true) return endpoint;
		const own = ports.map(({ name, port, targetPort }) => [
			name,
			endpoint.ports[name] ?? (typeof targetPort === "number" ? targetPort : port),
		]);
		return { ...endpoint, ports: Object.fromEntries(own) as Record<string, number>, hasOnlyNamedPorts: true };
	});
}

/** A Service with the WorkloadEntries that its selector selects among its endpoints.
 *  @param selector as the object has it: EndpointSlices, which are there in its place, list Pods only */
export function withWorkloadEntries(
	service: Service,
	workloadEntries: readonly WorkloadEntry[],
	selector: Labels | undefined,
): Service {
	const { namespace } = service;
	if (selector === undefined || workloadEntries.length === 0) return service;
	const selected = workloadEntries.filter(
		(entry) => entry.namespace === namespace && matchesLabels(selector, entry.labels),
	);
	if (selected.length === 0) return service;
	return { ...service, endpoints: [...(service.endpoints ?? []), ...selected.map(fromEntry)] };
}
