import { formatObjectName, type Mesh, type Service, type WorkloadInstance } from "../../model/index.ts";
import type { XdsResource } from "../../xds/server/index.ts";
import { hostOf, type MeshIndex, type SeenService } from "../translate/index.ts";
import type { ClientView, ResourceMap } from "./client-view.ts";
import { buildServiceClusters, type ClusterResources } from "./cluster-resources.ts";
import { shapeOf } from "./host-routes.ts";
import type { Memo } from "./memo.ts";

/** A service before and after a change of nothing but its endpoints. */
export interface EndpointChange {
	readonly before: Service;
	readonly after: Service;
}

/** Beyond that many services everything is looked at anew. */
const maxChanges = 100;

/** The services whose endpoints changed, when nothing else did: then listeners, routes and clusters are as they were.
 *  @returns undefined when something else may have changed */
export function findEndpointChanges(before: MeshIndex, after: Mesh): readonly EndpointChange[] | undefined {
	for (const name of Object.keys(after) as (keyof Mesh)[])
		if (name !== "services" && before.mesh[name] !== after[name]) return undefined;
	const old = before.mesh.services;
	if (old.length !== after.services.length) return undefined;
	const changes: EndpointChange[] = [];
	for (const [position, service] of after.services.entries()) {
		const known = old[position]!;
		if (known === service) continue;
		// Captured clients listen at each address of a headless service.
		if (service.isHeadless === true || shapeOf(known) !== shapeOf(service)) return undefined;
		if (listMembers(before, known) !== listMembers(before, service)) return undefined;
		if (changes.push({ before: known, after: service }) > maxChanges) return undefined;
	}
	return changes;
}

/** Declared instances among the endpoints: of which services an instance is decides what it listens for. */
function listMembers(index: MeshIndex, { endpoints = [] }: Service): string {
	return endpoints
		.map(({ address }) => index.instanceAt(address))
		.filter((instance): instance is WorkloadInstance => instance !== undefined)
		.map(formatObjectName)
		.sort()
		.join();
}

/** A view with the endpoints of some services changed.
 *  @returns undefined when clusters change with them, and the view has to be built anew */
export function patchView(
	index: MeshIndex,
	view: ClientView,
	changes: readonly EndpointChange[],
	memo: Memo,
): ClientView | undefined {
	const replaced = new Map<string, SeenService>();
	const replacedAssignments: XdsResource[] = [];
	for (const { before, after } of changes) {
		const host = hostOf(after, index.mesh.settings);
		const seen = view.scope.services.get(host);
		if (seen === undefined || seen.service !== before) continue;
		const next = withService(seen, after);
		for (const { cluster, assignment } of buildServiceClusters(index, view.client, next, memo)) {
			if (!isKept(view.clusters, cluster)) return undefined;
			if (assignment !== undefined) replacedAssignments.push(assignment);
		}
		replaced.set(host, next);
	}
	if (replaced.size === 0) return view;
	const assignments = new Map(view.assignments);
	for (const assignment of replacedAssignments) assignments.set(assignment.name, assignment);
	const services = replaceIn(view.scope.services, replaced);
	const egresses = view.scope.egresses.map((egress) => ({
		...egress,
		services: egress.services === view.scope.services ? services : replaceIn(egress.services, replaced),
	}));
	return { ...view, assignments, scope: { ...view.scope, services, egresses } };
}

function isKept(clusters: ResourceMap, cluster: ClusterResources["cluster"]): boolean {
	return clusters.get(cluster.name)?.version === cluster.version;
}

function replaceIn(
	services: ReadonlyMap<string, SeenService>,
	replaced: ReadonlyMap<string, SeenService>,
): ReadonlyMap<string, SeenService> {
	const next = new Map(services);
	for (const [host, { service }] of replaced) {
		const known = next.get(host);
		if (known !== undefined) next.set(host, withService(known, service));
	}
	return next;
}

function withService(seen: SeenService, service: Service): SeenService {
	if (seen.ports === seen.service.ports) return { ...seen, service, ports: service.ports };
	return {
		...seen,
		service,
		ports: service.ports.filter(({ port }) => seen.ports.some((known) => known.port === port)),
	};
}
