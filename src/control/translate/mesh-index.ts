import {
	type AuthorizationPolicy,
	type DestinationRule,
	formatObjectName,
	type HttpRoute,
	isServiceEntryParent,
	isServiceParent,
	type Labels,
	type Mesh,
	matchesLabels,
	type ObjectName,
	type ParentReference,
	type PeerAuthentication,
	type RateLimitPolicy,
	type RequestAuthentication,
	type Service,
	type Sidecar,
	type VirtualService,
	type Workload,
	type WorkloadInstance,
} from "../../model/index.ts";
import { type Attachments, attachRoutes, describeMeshStreams } from "../gateway-api/index.ts";
import { compareAge, compareText, hostOf } from "./names.ts";

/** A mesh with the look-ups translation needs; every list is in an order that does not depend on the order of objects. */
export interface MeshIndex {
	readonly mesh: Mesh;
	/** What of it does not depend on services, for the index after it. */
	readonly lists: ReturnType<typeof indexLists>;
	/** By host: `reviews.shop.svc.cluster.local`. */
	readonly services: readonly Service[];
	readonly instances: readonly WorkloadInstance[];
	service(name: ObjectName): Service | undefined;
	/** The services of a ServiceEntry, one a host. */
	entry(name: ObjectName): readonly Service[];
	/** The service of a full host, as clients of a namespace see it: their own, one of Kubernetes, the oldest. Without a namespace every
	 *  service is seen. */
	serviceByHost(host: string, clientNamespace?: string): Service | undefined;
	/** Every service with a host, by namespace. */
	servicesOfHost(host: string): readonly Service[];
	/** Services that are another name of this host (ExternalName). */
	aliasesOf(host: string): readonly Service[];
	/** What was built under a key from this mesh alone, built once: many clients ask for the same. */
	remember<T>(key: string, build: () => T): T;
	/** Older first. */
	readonly virtualServices: readonly VirtualService[];
	/** Sidecar objects of one namespace, older first. */
	sidecarsIn(namespace: string): readonly Sidecar[];
	workload(name: ObjectName): Workload | undefined;
	instance(name: ObjectName): WorkloadInstance | undefined;
	/** The declared instance with this address. */
	instanceAt(address: string): WorkloadInstance | undefined;
	/** Instances that the service selects, whatever their health. */
	instancesOf(service: Service): readonly WorkloadInstance[];
	/** Workloads that the service selects, running or not. */
	workloadsOf(service: Service): readonly Workload[];
	/** Services that select the instance or list its address, by host. */
	servicesOf(instance: WorkloadInstance): readonly Service[];
	/** Which routes of the Gateway API are on which listeners. */
	readonly attachments: Attachments;
	/** Routes with this service as a parent, older first. */
	routesOf(service: ObjectName & Pick<Service, "entry">): readonly HttpRoute[];
	/** Rules of one namespace, older first. */
	destinationRulesIn(namespace: string): readonly DestinationRule[];
	/** Policies of one namespace, older first. */
	peerAuthenticationsIn(namespace: string): readonly PeerAuthentication[];
	/** Policies of one namespace by name. */
	authorizationPoliciesIn(namespace: string): readonly AuthorizationPolicy[];
	/** Older first. */
	requestAuthenticationsIn(namespace: string): readonly RequestAuthentication[];
	/** Older first. */
	rateLimitPoliciesIn(namespace: string): readonly RateLimitPolicy[];
	/** Service accounts of the workloads that the service selects, declared or running. */
	serviceAccountsOf(service: Service): readonly string[];
}

/** Indexes a mesh: linear in its objects.
 *  @param before the index of a mesh that is the same but for endpoints of services, which stand at the same places */
export function createMeshIndex(mesh: Mesh, before?: MeshIndex): MeshIndex {
	const services =
		before === undefined ? sortServices(mesh) : replaceServices(before.services, before.mesh.services, mesh.services);
	const lists = before?.lists ?? indexLists(mesh);
	const { instances, instancesByLabel, instancesByAddress, workloadsByLabel } = lists;
	const servicesByName = indexByName(services);
	const servicesByHost = new Map<string, Service[]>();
	const servicesByEntry = groupBy(
		services.filter(({ entry }) => entry !== undefined),
		({ namespace, entry }) => `${namespace}/${entry}`,
	);
	const findService = (name: ObjectName): Service | undefined => servicesByName.get(formatObjectName(name));
	const findEntry = (name: ObjectName): readonly Service[] => servicesByEntry.get(formatObjectName(name)) ?? [];
	const aliases = new Map<string, Service[]>();
	for (const service of services) {
		const host = hostOf(service, mesh.settings);
		append(servicesByHost, host, service);
		if (service.aliasOf !== undefined) append(aliases, service.aliasOf, service);
	}
	const virtualServices = [
		...[...mesh.virtualServices].sort(compareAge),
		// VirtualServices of the same host come first: they may say more than its connections.
		...describeMeshStreams(mesh, findService, findEntry),
	];
	const remembered = new Map<string, unknown>();
	const members = new Map<Service, readonly WorkloadInstance[]>();
	const instancesOf = (service: Service): readonly WorkloadInstance[] => {
		let selected = members.get(service);
		if (selected === undefined) {
			selected = select(instancesByLabel, service);
			members.set(service, selected);
		}
		return selected;
	};
	const instancesListedBy = ({ endpoints = [] }: Service): WorkloadInstance[] =>
		endpoints.flatMap(({ address }) => instancesByAddress.get(address) ?? []);
	let memberships: Map<WorkloadInstance, Service[]> | undefined;
	const findMemberships = (): Map<WorkloadInstance, Service[]> => {
		const found = new Map<WorkloadInstance, Service[]>();
		for (const service of services) {
			for (const instance of [...instancesOf(service), ...instancesListedBy(service)]) {
				const known = found.get(instance);
				if (known === undefined) found.set(instance, [service]);
				else known.push(service);
			}
		}
		return found;
	};
	let attachments: Attachments | undefined;
	return {
		mesh,
		lists,
		get attachments() {
			attachments ??= attachRoutes(mesh, findService, findEntry);
			return attachments;
		},
		services,
		instances,
		service: findService,
		entry: findEntry,
		serviceByHost: (host, clientNamespace) => chooseService(servicesByHost.get(host) ?? [], clientNamespace),
		servicesOfHost: (host) => servicesByHost.get(host) ?? [],
		aliasesOf: (host) => aliases.get(host) ?? [],
		remember<T>(key: string, build: () => T): T {
			if (!remembered.has(key)) remembered.set(key, build());
			return remembered.get(key) as T;
		},
		virtualServices,
		sidecarsIn: (namespace) => lists.sidecars.get(namespace) ?? [],
		workload: (name) => lists.workloadsByName.get(formatObjectName(name)),
		instance: (name) => lists.instancesByName.get(formatObjectName(name)),
		instanceAt: (address) => instancesByAddress.get(address),
		instancesOf,
		servicesOf(instance) {
			memberships ??= findMemberships();
			return memberships.get(instance) ?? [];
		},
		routesOf: ({ namespace, name, entry }) =>
			lists.routes.get(entry === undefined ? `${namespace}/${name}` : entryKey({ namespace, name: entry })) ?? [],
		destinationRulesIn: (namespace) => lists.destinationRules.get(namespace) ?? [],
		peerAuthenticationsIn: (namespace) => lists.peerAuthentications.get(namespace) ?? [],
		requestAuthenticationsIn: (namespace) => lists.requestAuthentications.get(namespace) ?? [],
		authorizationPoliciesIn: (namespace) => lists.authorizationPolicies.get(namespace) ?? [],
		rateLimitPoliciesIn: (namespace) => lists.rateLimitPolicies.get(namespace) ?? [],
		workloadsOf: (service) => select(workloadsByLabel, service),
		serviceAccountsOf(service) {
			const declared = select(workloadsByLabel, service).map((workload) => workload.serviceAccount);
			const running = [...instancesOf(service), ...instancesListedBy(service)].map(
				(instance) => instance.serviceAccount,
			);
			const listed = (service.endpoints ?? []).flatMap(({ serviceAccount }) => serviceAccount ?? []);
			return [...new Set([...declared, ...running, ...listed])].sort(compareText);
		},
	};
}

/** What of an index does not depend on services. */
function indexLists(mesh: Mesh) {
	const instances = sortByName(mesh.instances);
	const workloads = sortByName(mesh.workloads);
	const byNamespace = ({ namespace }: ObjectName): string => namespace;
	return {
		instances,
		instancesByName: indexByName(instances),
		instancesByLabel: groupByLabel(instances),
		instancesByAddress: new Map(mesh.declaredInstances.map((instance) => [instance.address, instance])),
		workloadsByName: indexByName(workloads),
		workloadsByLabel: groupByLabel(workloads),
		routes: groupRoutes(mesh.httpRoutes),
		destinationRules: groupBy([...mesh.destinationRules].sort(compareAge), byNamespace),
		peerAuthentications: groupBy([...mesh.peerAuthentications].sort(compareAge), byNamespace),
		requestAuthentications: groupBy([...mesh.requestAuthentications].sort(compareAge), byNamespace),
		rateLimitPolicies: groupBy([...mesh.rateLimitPolicies].sort(compareAge), byNamespace),
		authorizationPolicies: groupBy(sortByName(mesh.authorizationPolicies), byNamespace),
		sidecars: groupBy([...mesh.sidecars].sort(compareAge), byNamespace),
	};
}

/** By host; each host is made once. */
function sortServices({ services, settings }: Mesh): readonly Service[] {
	const named = services.map((service) => ({ service, host: hostOf(service, settings) }));
	return named.sort((a, b) => compareText(a.host, b.host)).map(({ service }) => service);
}

/** The sorted services with those that changed in the places of what they were. */
function replaceServices(
	sorted: readonly Service[],
	before: readonly Service[],
	after: readonly Service[],
): readonly Service[] {
	const changed = new Map<Service, Service>();
	for (const [position, service] of after.entries()) {
		const known = before[position]!;
		if (known !== service) changed.set(known, service);
	}
	return sorted.map((service) => changed.get(service) ?? service);
}

/** Of services with one host, the one that clients of a namespace mean. */
export function chooseService(
	candidates: readonly Service[],
	clientNamespace: string | undefined,
): Service | undefined {
	let chosen: Service | undefined;
	for (const candidate of candidates) {
		if (clientNamespace !== undefined && !isVisible(candidate.exportTo, clientNamespace)) continue;
		if (chosen === undefined || isCloser(candidate, chosen, clientNamespace)) chosen = candidate;
	}
	return chosen;
}

function isCloser(candidate: Service, chosen: Service, clientNamespace: string | undefined): boolean {
	const rank = (service: Service): number =>
		(service.namespace === clientNamespace ? 0 : 2) + (service.host === undefined ? 0 : 1);
	const difference = rank(candidate) - rank(chosen);
	return difference < 0 || (difference === 0 && (candidate.createdAt ?? 0) < (chosen.createdAt ?? 0));
}

/** Whether clients of a namespace see an object with this `exportTo`. */
export function isVisible(exportTo: readonly string[] | undefined, clientNamespace: string): boolean {
	return exportTo === undefined || exportTo.includes(clientNamespace);
}

interface Labelled extends ObjectName {
	readonly labels: Labels;
}

/** Objects by `namespace`, label and value, so that a selector looks only at those that share a pair with it. */
function groupByLabel<T extends Labelled>(objects: readonly T[]): Map<string, T[]> {
	const groups = new Map<string, T[]>();
	for (const object of objects)
		for (const [key, value] of Object.entries(object.labels))
			append(groups, labelKey(object.namespace, key, value), object);
	return groups;
}

function select<T extends Labelled>(groups: Map<string, T[]>, service: Service): readonly T[] {
	const pairs = Object.entries(service.selector ?? {});
	if (pairs.length === 0) return [];
	let smallest: readonly T[] | undefined;
	for (const [key, value] of pairs) {
		const group = groups.get(labelKey(service.namespace, key, value)) ?? [];
		if (smallest === undefined || group.length < smallest.length) smallest = group;
	}
	return smallest!.filter((object) => matchesLabels(service.selector!, object.labels));
}

function labelKey(namespace: string, key: string, value: string): string {
	return `${namespace}\u0000${key}\u0000${value}`;
}

function groupRoutes(routes: readonly HttpRoute[]): Map<string, HttpRoute[]> {
	const groups = new Map<string, HttpRoute[]>();
	for (const route of [...routes].sort(compareAge))
		for (const parent of new Set(route.parents.flatMap((of) => keyOfParent(of) ?? []))) append(groups, parent, route);
	return groups;
}

function keyOfParent(parent: ParentReference): string | undefined {
	if (isServiceEntryParent(parent)) return entryKey(parent);
	return isServiceParent(parent) ? formatObjectName(parent) : undefined;
}

/** No Service has such a name. */
function entryKey(name: ObjectName): string {
	return `ServiceEntry ${formatObjectName(name)}`;
}

function sortByName<T extends ObjectName>(objects: readonly T[]): T[] {
	return [...objects].sort((a, b) => compareText(a.namespace, b.namespace) || compareText(a.name, b.name));
}

function indexByName<T extends ObjectName>(objects: readonly T[]): Map<string, T> {
	return new Map(objects.map((object) => [formatObjectName(object), object]));
}

function groupBy<T>(objects: readonly T[], keyOf: (object: T) => string): Map<string, T[]> {
	const groups = new Map<string, T[]>();
	for (const object of objects) append(groups, keyOf(object), object);
	return groups;
}

function append<T>(groups: Map<string, T[]>, key: string, object: T): void {
	const group = groups.get(key);
	if (group === undefined) groups.set(key, [object]);
	else group.push(object);
}
