import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { formatObjectName, type Mesh } from "../../model/index.ts";
import { endpointType, type SnapshotSource, type XdsSnapshot } from "../../xds/server/index.ts";
import { createMeshIndex, type MeshIndex, type MeshProblem, rankMatches, uniqueProblems } from "../translate/index.ts";
import { type ClientFinder, createClientFinder, formatClient } from "./client.ts";
import type { ClientView } from "./client-view.ts";
import { findEndpointChanges } from "./endpoint-patch.ts";
import { buildGatewayView } from "./gateway-view.ts";
import { createMemo } from "./memo.ts";
import {
	findInstance,
	isCaptured,
	isProxyless,
	readGatewayNode,
	readProxyKind,
	readProxylessInstance,
} from "./node.ts";
import { buildSnapshot } from "./node-view.ts";
import { buildProxylessSnapshot, buildProxylessView, type ProxylessView } from "./proxyless-view.ts";
import { createViews, type OnDemandClient, type OnDemandSource, type Views } from "./scoping.ts";

/** The newest mesh as snapshots: a view per kind of client and a snapshot per proxy, when one asks. */
export interface SnapshotStore extends SnapshotSource {
	/** Takes over a mesh and tells the listeners. Objects that did not change should be the same objects: then nothing that
	 *  only depends on them is built again. When it throws, the mesh before stays in use. */
	apply(mesh: Mesh): void;
	/** The mesh in use; undefined before the first `apply`. */
	index(): MeshIndex | undefined;
	/** The client that asks by the key it was given; undefined for one that is given everything, or is not known (any more). */
	findOnDemandClient(key: string): OnDemandClient | undefined;
	/** Node ids of the proxies of a workload, `namespace/name`, that were given something. */
	nodesOf(workload: string): ReadonlySet<string>;
	/** A workload needs other hosts, see `OnDemandSource`. */
	onHosts(workload: string): void;
	/** Mistakes that only show when a mesh is translated. */
	problems(): readonly MeshProblem[];
}

/** @param onDemand without it every proxy is given everything */
export function createSnapshotStore(onDemand?: OnDemandSource): SnapshotStore {
	const memo = createMemo();
	const listeners = new Set<(nodeIds: ReadonlySet<string> | "all") => void>();
	let index: MeshIndex | undefined;
	let clients: ClientFinder | undefined;
	let views: Views | undefined;
	const narrowed = new Set<string>();
	/** Snapshots of nodes while nothing but endpoints changes. */
	let built = new WeakMap<Node, BuiltSnapshot>();
	/** Node ids by workload, `namespace/name`, of those that asked since the newest mesh. */
	const nodes = new Map<string, Set<string>>();
	let proxylessViews = new Map<string, ProxylessView>();
	let problems: readonly MeshProblem[] = [];
	/** Of gateway proxies that asked since the newest mesh, by node. */
	const gatewayProblems = new Map<string, readonly MeshProblem[]>();
	/** Takes over a mesh in which only endpoints changed: clients keep everything else. */
	const applyEndpoints = (before: MeshIndex, mesh: Mesh): boolean => {
		const changes = findEndpointChanges(before, mesh);
		if (changes === undefined) return false;
		const newIndex = createMeshIndex(mesh, before);
		if (views?.patch(newIndex, changes) === false) return false;
		index = newIndex;
		clients = createClientFinder(newIndex);
		proxylessViews = new Map();
		return true;
	};
	/** What a node was given, with the newest endpoints; undefined when more changed. */
	const reuse = (known: Views, node: Node): XdsSnapshot | undefined => {
		const before = built.get(node);
		const current = before && known.get(before.key);
		if (before === undefined || current === undefined || before.clusters !== current.clusters) return undefined;
		if (before.assignments === current.assignments) return before.snapshot;
		const resources = new Map(before.snapshot.resources).set(endpointType, current.assignments);
		const snapshot = { resources };
		built.set(node, { ...before, snapshot, assignments: current.assignments });
		return snapshot;
	};
	const snapshotOf = (
		meshIndex: MeshIndex,
		finder: ClientFinder,
		known: Views,
		node: Node,
	): XdsSnapshot | undefined => {
		const instance = findInstance(meshIndex, node.id);
		if (instance === undefined) return undefined;
		const key = known.keyOf(finder.of(instance, isCaptured(node)), instance);
		const view = known.get(key)!;
		const snapshot = buildSnapshot(meshIndex, instance, readProxyKind(node), view, memo, onDemand?.server);
		built.set(node, { key, snapshot, clusters: view.clusters, assignments: view.assignments });
		const workload = formatObjectName({ namespace: instance.namespace, name: instance.workload });
		nodes.set(workload, (nodes.get(workload) ?? new Set()).add(node.id));
		return snapshot;
	};
	const proxylessSnapshot = (meshIndex: MeshIndex, finder: ClientFinder, node: Node): XdsSnapshot => {
		const instance = readProxylessInstance(meshIndex, node);
		const client = finder.of(instance, false);
		const key = formatClient(client);
		let view = proxylessViews.get(key);
		if (view === undefined) {
			view = buildProxylessView(meshIndex, client, memo);
			proxylessViews.set(key, view);
		}
		return buildProxylessSnapshot(meshIndex, instance, view);
	};
	return {
		apply(mesh) {
			if (index !== undefined && applyEndpoints(index, mesh)) {
				for (const listener of listeners) listener("all");
				return;
			}
			memo.advance();
			const newIndex = createMeshIndex(mesh);
			// Views are built when a proxy asks; what is wrong with routes shows before one connects.
			const found: MeshProblem[] = [];
			for (const route of newIndex.mesh.httpRoutes) rankMatches([route], (problem) => found.push(problem));
			problems = uniqueProblems(found);
			index = newIndex;
			clients = createClientFinder(newIndex);
			views = createViews(newIndex, memo, onDemand, narrowed);
			built = new WeakMap();
			nodes.clear();
			proxylessViews = new Map();
			for (const listener of listeners) listener("all");
		},
		get(node) {
			const kept = views && reuse(views, node);
			if (kept !== undefined) return kept;
			const gateway = index === undefined ? undefined : readGatewayNode(index, node);
			if (index !== undefined && gateway !== undefined) {
				const gatewayView = buildGatewayView(index, gateway, memo, onDemand?.server);
				gatewayProblems.set(node.id, gatewayView.problems);
				return gatewayView.snapshot;
			}
			if (index === undefined || clients === undefined || views === undefined) return undefined;
			if (isProxyless(node)) return proxylessSnapshot(index, clients, node);
			return snapshotOf(index, clients, views, node);
		},
		findOnDemandClient: (key) => views?.find(key),
		nodesOf: (workload) => nodes.get(workload) ?? new Set(),
		onHosts(workload) {
			views?.forget(workload);
			for (const listener of listeners) listener(nodes.get(workload) ?? new Set());
		},
		onChange(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		index: () => index,
		problems: () => uniqueProblems([...problems, ...[...gatewayProblems.values()].flat()]),
	};
}

/** What a node was given, and of which view, by key, and of what in it. */
interface BuiltSnapshot {
	readonly key: string;
	readonly snapshot: XdsSnapshot;
	readonly clusters: ClientView["clusters"];
	readonly assignments: ClientView["assignments"];
}
