import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { Mesh } from "../../model/index.ts";
import { endpointType, type SnapshotSource, type XdsSnapshot } from "../../xds/server/index.ts";
import {
	type Client,
	createMeshIndex,
	type MeshIndex,
	type MeshProblem,
	rankMatches,
	uniqueProblems,
} from "../translate/index.ts";
import { type ClientFinder, createClientFinder, formatClient } from "./client.ts";
import { buildClientView, type ClientView } from "./client-view.ts";
import { findEndpointChanges, patchView } from "./endpoint-patch.ts";
import { buildGatewayView } from "./gateway-view.ts";
import { createMemo } from "./memo.ts";
import { findInstance, isCaptured, readGatewayNode, readProxyKind } from "./node.ts";
import { buildSnapshot } from "./node-view.ts";

/** The newest mesh as snapshots: a view per kind of client and a snapshot per proxy, when one asks. */
export interface SnapshotStore extends SnapshotSource {
	/** Takes over a mesh and tells the listeners. Objects that did not change should be the same objects: then nothing that
	 *  only depends on them is built again. When it throws, the mesh before stays in use. */
	apply(mesh: Mesh): void;
	/** The mesh in use; undefined before the first `apply`. */
	index(): MeshIndex | undefined;
	/** Mistakes that only show when a mesh is translated. */
	problems(): readonly MeshProblem[];
}

export function createSnapshotStore(): SnapshotStore {
	const memo = createMemo();
	const listeners = new Set<(nodeIds: ReadonlySet<string> | "all") => void>();
	let index: MeshIndex | undefined;
	let clients: ClientFinder | undefined;
	let views = new Map<string, ClientView>();
	/** Snapshots of nodes while nothing but endpoints changes. */
	let built = new WeakMap<Node, BuiltSnapshot>();
	let problems: readonly MeshProblem[] = [];
	/** Of gateway proxies that asked since the newest mesh, by node. */
	const gatewayProblems = new Map<string, readonly MeshProblem[]>();
	const viewOf = (meshIndex: MeshIndex, client: Client): ClientView => {
		const key = formatClient(client);
		let view = views.get(key);
		if (view === undefined) {
			view = buildClientView(meshIndex, client, memo);
			views.set(key, view);
		}
		return view;
	};
	/** Takes over a mesh in which only endpoints changed: clients keep everything else. */
	const applyEndpoints = (before: MeshIndex, mesh: Mesh): boolean => {
		const changes = findEndpointChanges(before, mesh);
		if (changes === undefined) return false;
		const newIndex = createMeshIndex(mesh);
		const patched = new Map<string, ClientView>();
		for (const [key, view] of views) {
			const next = patchView(newIndex, view, changes, memo);
			if (next === undefined) return false;
			patched.set(key, next);
		}
		index = newIndex;
		clients = createClientFinder(newIndex);
		views = patched;
		return true;
	};
	const snapshotOf = (meshIndex: MeshIndex, finder: ClientFinder, node: Node): XdsSnapshot | undefined => {
		const before = built.get(node);
		const current = before && views.get(before.view);
		if (before !== undefined && current !== undefined) {
			if (before.assignments === current.assignments) return before.snapshot;
			const resources = new Map(before.snapshot.resources).set(endpointType, current.assignments);
			const snapshot = { resources };
			built.set(node, { ...before, snapshot, assignments: current.assignments });
			return snapshot;
		}
		const instance = findInstance(meshIndex, node.id);
		if (instance === undefined) return undefined;
		const view = viewOf(meshIndex, finder.of(instance, isCaptured(node)));
		const snapshot = buildSnapshot(meshIndex, instance, readProxyKind(node), view, memo);
		built.set(node, { view: view.key, snapshot, assignments: view.assignments });
		return snapshot;
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
			views = new Map();
			built = new WeakMap();
			for (const listener of listeners) listener("all");
		},
		get(node) {
			const gateway = index === undefined ? undefined : readGatewayNode(index, node);
			if (index !== undefined && gateway !== undefined) {
				const gatewayView = buildGatewayView(index, gateway, memo);
				gatewayProblems.set(node.id, gatewayView.problems);
				return gatewayView.snapshot;
			}
			return index === undefined || clients === undefined ? undefined : snapshotOf(index, clients, node);
		},
		onChange(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		index: () => index,
		problems: () => uniqueProblems([...problems, ...[...gatewayProblems.values()].flat()]),
	};
}

/** What a node was given, and the view (by key) and the endpoints of that view that it is made of. */
interface BuiltSnapshot {
	readonly view: string;
	readonly snapshot: XdsSnapshot;
	readonly assignments: ClientView["assignments"];
}
