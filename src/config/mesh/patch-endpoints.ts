import {
	type EndpointSlice,
	formatObjectName,
	type Mesh,
	type MeshSettings,
	type Service,
	type Workload,
	type WorkloadEntry,
	type WorkloadInstance,
} from "../../model/index.ts";
import { type ConfigObject, formatObjectKey } from "../config-object.ts";
import type { ServiceDocument } from "../kinds/service/service.ts";
import type { LocatedProblem } from "../located-problem.ts";
import type { ClusterObjects } from "./cluster-services.ts";
import { withWorkloadEntries } from "./service-entries.ts";
import { resolveService } from "./services.ts";

/** What a mesh was built of and what came of it, for the next one. */
export interface BuildRecord {
	readonly objects: readonly ConfigObject[];
	readonly instances: readonly WorkloadInstance[];
	readonly settings: Partial<MeshSettings>;
	readonly mesh: Mesh;
	readonly problems: readonly LocatedProblem[];
	readonly cluster: ClusterObjects;
	readonly workloads: readonly Workload[];
	readonly workloadEntries: readonly WorkloadEntry[];
	/** By `namespace/name`. */
	readonly documents: ReadonlyMap<string, ServiceDocument>;
	/** Keeps the Service of a document while its slices are the same. */
	readonly keepService: (document: ServiceDocument, slices: readonly EndpointSlice[], build: () => Service) => Service;
}

/** Beyond that many slices everything is built anew. */
const maxSlices = 100;

/** The mesh after a change of EndpointSlices alone that leaves everything else as it is: which Pods stand behind the Services, and the
 *  labels and accounts of what does. Endpoints change more often than all other things together.
 *  @returns undefined when more changed, and everything has to be built anew */
export function patchEndpoints(
	before: BuildRecord,
	objects: readonly ConfigObject[],
	instances: readonly WorkloadInstance[],
	settings: Partial<MeshSettings>,
): BuildRecord | undefined {
	if (before.settings !== settings || !areSame(before.instances, instances)) return undefined;
	const changed = findChangedSlices(before.objects, objects);
	if (changed === undefined) return undefined;
	const slices = new Map(before.cluster.slices);
	const affected = new Set<string>();
	for (const [old, slice] of changed) {
		const key = `${slice.namespace}/${slice.serviceName}`;
		const group = slices.get(key) ?? [];
		if (!group.includes(old)) return undefined;
		slices.set(
			key,
			group.map((member) => (member === old ? slice : member)),
		);
		affected.add(key);
	}
	const cluster: ClusterObjects = { ...before.cluster, slices };
	const services = [...before.mesh.services];
	for (const key of affected) {
		const document = before.documents.get(key);
		if (document === undefined) continue;
		const position = services.findIndex((service) => service.host === undefined && formatObjectName(service) === key);
		const own = slices.get(key) ?? [];
		const resolved = before.keepService(document, own, () => resolveService(document, before.workloads, cluster));
		const service = withWorkloadEntries(resolved, before.workloadEntries, document.selector);
		const old = services[position];
		if (old === undefined || !isSameButForHealth(old, service, cluster)) return undefined;
		services[position] = service;
	}
	return { ...before, objects, cluster, mesh: { ...before.mesh, services } };
}

function findChangedSlices(
	before: readonly ConfigObject[],
	after: readonly ConfigObject[],
): (readonly [EndpointSlice, EndpointSlice])[] | undefined {
	if (before.length !== after.length) return undefined;
	const changed: (readonly [EndpointSlice, EndpointSlice])[] = [];
	for (const [position, object] of after.entries()) {
		const old = before[position]!;
		if (old === object) continue;
		if (old.kind !== "EndpointSlice" || object.kind !== "EndpointSlice") return undefined;
		if (formatObjectKey(old) !== formatObjectKey(object) || old.value.serviceName !== object.value.serviceName)
			return undefined;
		if (changed.push([old.value, object.value]) > maxSlices) return undefined;
	}
	return changed;
}

/** Whether two states of a service differ in nothing but addresses that belong to no Pod, and in health. */
function isSameButForHealth(before: Service, after: Service, { podsByAddress }: ClusterObjects): boolean {
	const shape = (service: Service): string => JSON.stringify({ ...service, endpoints: undefined });
	const members = ({ endpoints = [] }: Service): string =>
		[
			...new Set(
				endpoints.map(({ address, ports, labels, serviceAccount }) =>
					JSON.stringify([podsByAddress.has(address) ? [address, ports] : "", labels, serviceAccount]),
				),
			),
		]
			.sort()
			.join();
	return shape(before) === shape(after) && members(before) === members(after);
}

function areSame(before: readonly unknown[], after: readonly unknown[]): boolean {
	return before.length === after.length && before.every((item, position) => item === after[position]);
}
