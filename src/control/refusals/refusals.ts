import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { Route } from "../../api/gen/envoy/config/route/v3/route_components_pb.js";
import {
	type AnswerListener,
	listenerType,
	type RefusedResource,
	routeType,
	type SnapshotSource,
	type XdsResource,
	type XdsSnapshot,
} from "../../xds/server/index.ts";
import { findSuspects, type Suspect } from "./find-suspects.ts";
import { findAccepted, holdRoutes, readRoutes, routeHash } from "./hold-routes.ts";
import { findSuspectFilters } from "./suspect-filters.ts";

/** One thing that one proxy refused. */
export interface Refusal {
	readonly nodeId: string;
	readonly typeUrl: string;
	/** Name of the resource. */
	readonly resource: string;
	/** The proxy's words. */
	readonly reason: string;
	/** The route that it is about, of a route configuration. */
	readonly suspect?: Suspect;
	/** Names of the HTTP filters that it is about, of a listener. */
	readonly filters?: readonly string[];
	/** The route serves as it was accepted before. */
	readonly keepsLastGood: boolean;
}

/** Snapshots without what their proxies refused. */
export interface Refusals extends SnapshotSource {
	readonly answers: AnswerListener;
	/** What is refused at the moment. */
	list(): readonly Refusal[];
}

/** Routes that are held back from one proxy, of one route configuration. */
interface Hold {
	readonly routes: Map<string, { readonly instead: Route | undefined; readonly refusal: Refusal }>;
	/** The last resource that it was applied to, and the result. */
	of?: XdsResource | undefined;
	result?: XdsResource;
	/** Refusals since routes were last accepted; beyond a bound nothing more is tried. */
	attempts: number;
}

interface NodeState {
	/** By route configuration. */
	readonly holds: Map<string, Hold>;
	/** Of what is not held back, by type and name. */
	readonly others: Map<string, Refusal>;
}

const maxAttempts = 8;

/** Wraps a source of snapshots.
 *  @param takeOver whether somebody else holds back what was refused */
export function createRefusals(
	source: SnapshotSource,
	takeOver: (node: Node, typeUrl: string, reason: string, names: readonly string[]) => boolean = () => false,
): Refusals {
	const nodes = new Map<string, NodeState>();
	const listeners = new Set<(nodeIds: ReadonlySet<string> | "all") => void>();
	const stateOf = (nodeId: string): NodeState => {
		const state = nodes.get(nodeId) ?? { holds: new Map(), others: new Map() };
		nodes.set(nodeId, state);
		return state;
	};
	const knownBad = (): Set<string> =>
		new Set(
			[...nodes.values()].flatMap(({ holds }) => [...holds.values()].flatMap(({ routes }) => [...routes.keys()])),
		);
	const refuseRoutes = (nodeId: string, reason: string, resource: RefusedResource): boolean => {
		const { holds, others } = stateOf(nodeId);
		const hold: Hold = holds.get(resource.name) ?? { routes: new Map(), attempts: 0 };
		const accepted = resource.accepted === undefined ? undefined : readRoutes(resource.accepted);
		const suspects =
			hold.attempts++ < maxAttempts ? findSuspects(reason, readRoutes(resource.value), accepted, knownBad()) : [];
		const base = { nodeId, typeUrl: routeType, resource: resource.name, reason };
		let isNew = false;
		for (const suspect of suspects) {
			const hash = routeHash(suspect.route);
			if (hold.routes.has(hash)) continue;
			const before = findAccepted(accepted, suspect.virtualHost, suspect.route);
			const instead = before === undefined || hold.routes.has(routeHash(before)) ? undefined : before;
			hold.routes.set(hash, { instead, refusal: { ...base, suspect, keepsLastGood: instead !== undefined } });
			isNew = true;
		}
		hold.of = undefined;
		if (hold.routes.size > 0) holds.set(resource.name, hold);
		if (!isNew) others.set(`${routeType} ${resource.name}`, { ...base, keepsLastGood: accepted !== undefined });
		return isNew;
	};
	return {
		get(node) {
			const snapshot = source.get(node);
			const holds = nodes.get(node.id)?.holds;
			return snapshot === undefined || holds === undefined || holds.size === 0 ? snapshot : applyHolds(snapshot, holds);
		},
		onChange(listener) {
			listeners.add(listener);
			const stop = source.onChange(listener);
			return () => {
				listeners.delete(listener);
				stop();
			};
		},
		answers: {
			refused(node, typeUrl, reason, resources) {
				const names = resources.map(({ name }) => name);
				if (takeOver(node, typeUrl, reason, names)) {
					for (const listener of listeners) listener(new Set([node.id]));
					return;
				}
				if (typeUrl === routeType) {
					const isNew = resources.map((resource) => refuseRoutes(node.id, reason, resource)).includes(true);
					if (isNew) for (const listener of listeners) listener(new Set([node.id]));
					return;
				}
				const { others } = stateOf(node.id);
				for (const { name, value } of resources) {
					const filters = typeUrl === listenerType ? findSuspectFilters(reason, value) : [];
					const refusal = { nodeId: node.id, typeUrl, resource: name, reason, filters, keepsLastGood: true };
					others.set(`${typeUrl} ${name}`, refusal);
				}
			},
			accepted(node, typeUrl, names) {
				const state = nodes.get(node.id);
				if (state === undefined) return;
				for (const name of names) {
					state.others.delete(`${typeUrl} ${name}`);
					const hold = typeUrl === routeType ? state.holds.get(name) : undefined;
					if (hold !== undefined) hold.attempts = 0;
				}
				if (state.others.size === 0 && state.holds.size === 0) nodes.delete(node.id);
			},
			gone: (node) => void nodes.delete(node.id),
		},
		list: () =>
			[...nodes.values()].flatMap(({ holds, others }) => [
				...[...holds.values()].flatMap(({ routes }) => [...routes.values()].map(({ refusal }) => refusal)),
				...others.values(),
			]),
	};
}

/** A snapshot with the held routes taken out. What is no more in it was mended, and is forgotten. */
function applyHolds(snapshot: XdsSnapshot, holds: Map<string, Hold>): XdsSnapshot {
	const routes = new Map(snapshot.resources.get(routeType));
	for (const [name, hold] of holds) {
		const resource = routes.get(name);
		if (resource === undefined) {
			holds.delete(name);
			continue;
		}
		if (hold.of !== resource) {
			const found = new Set<string>();
			const held = new Map([...hold.routes].map(([hash, { instead }]) => [hash, instead]));
			hold.result = holdRoutes(resource, held, found);
			hold.of = resource;
			for (const hash of hold.routes.keys()) if (!found.has(hash)) hold.routes.delete(hash);
		}
		if (hold.routes.size === 0) holds.delete(name);
		else routes.set(name, hold.result!);
	}
	return { resources: new Map(snapshot.resources).set(routeType, routes) };
}
