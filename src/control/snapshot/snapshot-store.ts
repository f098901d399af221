import type { Mesh } from "../../model/index.ts";
import type { SnapshotSource } from "../../xds/server/index.ts";
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
	return {
		apply(mesh) {
			memo.advance();
			const newIndex = createMeshIndex(mesh);
			// Views are built when a proxy asks; what is wrong with routes shows before one connects.
			const found: MeshProblem[] = [];
			for (const route of newIndex.mesh.httpRoutes) rankMatches([route], (problem) => found.push(problem));
			problems = uniqueProblems(found);
			index = newIndex;
			clients = createClientFinder(newIndex);
			views = new Map();
			for (const listener of listeners) listener("all");
		},
		get(node) {
			const gateway = index === undefined ? undefined : readGatewayNode(index, node);
			if (index !== undefined && gateway !== undefined) {
				const built = buildGatewayView(index, gateway, memo);
				gatewayProblems.set(node.id, built.problems);
				return built.snapshot;
			}
			const instance = index === undefined ? undefined : findInstance(index, node.id);
			if (index === undefined || clients === undefined || instance === undefined) return undefined;
			const view = viewOf(index, clients.of(instance, isCaptured(node)));
			return buildSnapshot(index, instance, readProxyKind(node), view, memo);
		},
		onChange(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		index: () => index,
		problems: () => uniqueProblems([...problems, ...[...gatewayProblems.values()].flat()]),
	};
}
