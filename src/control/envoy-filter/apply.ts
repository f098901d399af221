import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import { ListenerSchema } from "../../api/gen/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "../../api/gen/envoy/config/route/v3/route_pb.js";
import {
	clusterType,
	listenerType,
	packResource,
	routeType,
	type XdsResource,
	type XdsSnapshot,
} from "../../xds/server/index.ts";
import type { CompiledPatch } from "./compile.ts";
import { patchClusters } from "./patch-clusters.ts";
import { patchListeners } from "./patch-listeners.ts";
import { patchRouteConfiguration } from "./patch-routes.ts";

type Resources = ReadonlyMap<string, XdsResource>;

/** What patching made of each type's map before: the same map with the same patches is not patched again. */
export type PatchMemory = Map<string, { readonly before: Resources; readonly after: Resources }>;

export function createPatchMemory(): PatchMemory {
	return new Map();
}

/** A proxy's snapshot with patches applied, in their order. Types without patches keep their maps, resources that no patch changes their
 *  versions. */
export function applyEnvoyFilters(
	snapshot: XdsSnapshot,
	patches: readonly CompiledPatch[],
	isGateway: boolean,
	memory: PatchMemory = createPatchMemory(),
): XdsSnapshot {
	if (patches.length === 0) return snapshot;
	const ordered = inTurn(patches);
	const of = (...places: readonly CompiledPatch["patch"]["applyTo"][]): CompiledPatch[] =>
		ordered.filter(({ patch }) => places.includes(patch.applyTo));
	const routes = of("ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE");
	const listeners = ordered.filter(({ patch }) => patch.applyTo !== "CLUSTER");
	const clusters = of("CLUSTER");
	const resources = new Map(snapshot.resources);
	const side = isGateway ? "GATEWAY" : "SIDECAR_OUTBOUND";
	patchType(resources, memory, listenerType, ListenerSchema, listeners, (items, patch) =>
		patchListeners(items, patch, isGateway),
	);
	patchType(resources, memory, routeType, RouteConfigurationSchema, routes, (items, patch) =>
		items.map((item) => patchRouteConfiguration(item, patch, side)),
	);
	patchType(resources, memory, clusterType, ClusterSchema, clusters, (items, patch) =>
		patchClusters(items, patch, isGateway),
	);
	return { resources };
}

/** Those patches that change or add resources of a type, by their names. */
export function selectTouching(
	snapshot: XdsSnapshot,
	patches: readonly CompiledPatch[],
	isGateway: boolean,
	typeUrl: string,
	names: ReadonlySet<string>,
): CompiledPatch[] {
	const all = snapshot.resources.get(typeUrl) ?? noResources;
	let current: XdsSnapshot = { resources: new Map([[typeUrl, new Map([...all].filter(([name]) => names.has(name)))]]) };
	return inTurn(patches).filter((patch) => {
		const before = current.resources.get(typeUrl);
		current = applyEnvoyFilters(current, [patch], isGateway);
		const after = current.resources.get(typeUrl);
		return [...names].some((name) => before?.get(name)?.version !== after?.get(name)?.version);
	});
}

function inTurn(patches: readonly CompiledPatch[]): CompiledPatch[] {
	return [...patches].sort((a, b) => turnOf(a) - turnOf(b));
}

/** Istio goes from outside in, and changes what is there before it adds: a merge does not reach an added virtual host or cluster. Filters
 *  are put in first, so that a merge reaches those. */
function turnOf({ patch: { applyTo, operation } }: CompiledPatch): number {
	const adds = operation === "ADD" || operation.startsWith("INSERT_");
	switch (applyTo) {
		case "NETWORK_FILTER":
			return operation.startsWith("MERGE") ? 4 : 3;
		case "HTTP_FILTER":
			return operation.startsWith("MERGE") ? 6 : 5;
		case "HTTP_ROUTE":
			return adds ? 4 : 3;
		case "FILTER_CHAIN":
			return adds ? 7 : 2;
		case "LISTENER_FILTER":
			return 1;
		case "VIRTUAL_HOST":
			return adds ? 7 : 2;
		default:
			return adds ? 8 : 0;
	}
}

function patchType<D extends DescMessage>(
	types: Map<string, Resources>,
	memory: PatchMemory,
	typeUrl: string,
	schema: D,
	patches: readonly CompiledPatch[],
	apply: (
		items: readonly (MessageShape<D> & { readonly name: string })[],
		patch: CompiledPatch,
	) => readonly (MessageShape<D> & { readonly name: string })[],
): void {
	if (patches.length === 0) return;
	const before = types.get(typeUrl) ?? noResources;
	const known = memory.get(typeUrl);
	if (known?.before === before) {
		types.set(typeUrl, known.after);
		return;
	}
	let items: readonly (MessageShape<D> & { readonly name: string })[] = [...before.values()].map(
		({ value }) => fromBinary(schema, value) as MessageShape<D> & { readonly name: string },
	);
	for (const patch of patches) items = apply(items, patch);
	const after: Resources = new Map(items.map((item) => [item.name, packResource(schema, item.name, item)]));
	memory.set(typeUrl, { before, after });
	types.set(typeUrl, after);
}

const noResources: Resources = new Map();
