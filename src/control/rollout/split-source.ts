import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type { SnapshotSource, XdsSnapshot } from "../../xds/server/index.ts";

/** What canaries are given: a source of snapshots that can tell why it was refused. */
export interface CandidateSource extends SnapshotSource {
	/** See `PatchedSource`. */
	refuse(node: Node, typeUrl: string, reason: string, names: readonly string[]): boolean;
	gone(node: Node): void;
}

/** Two sources, one of them for canaries; without any it is the other alone. */
export interface SplitSource extends CandidateSource {
	/** From now on the nodes with these ids are given what `candidate` has; nobody without one. */
	divide(candidate: CandidateSource | undefined, canaries: ReadonlySet<string>): void;
	isCanary(nodeId: string): boolean;
	/** Whether both would give a node the same. */
	isSame(node: Node, candidate: CandidateSource): boolean;
	/** Whether a resource that a canary was given is not what the others have. */
	isOfCandidate(node: Node, typeUrl: string, name: string): boolean;
}

export function createSplitSource(base: CandidateSource): SplitSource {
	const listeners = new Set<(nodeIds: ReadonlySet<string> | "all") => void>();
	let candidate: CandidateSource | undefined;
	let canaries: ReadonlySet<string> = new Set();
	let stop: (() => void) | undefined;
	const sourceOf = (nodeId: string): CandidateSource =>
		candidate !== undefined && canaries.has(nodeId) ? candidate : base;
	return {
		get: (node) => sourceOf(node.id).get(node) ?? base.get(node),
		onChange(listener) {
			listeners.add(listener);
			const stopBase = base.onChange(listener);
			return () => {
				listeners.delete(listener);
				stopBase();
			};
		},
		refuse: (node, typeUrl, reason, names) => sourceOf(node.id).refuse(node, typeUrl, reason, names),
		gone(node) {
			base.gone(node);
			candidate?.gone(node);
		},
		divide(next, ids) {
			const before = canaries;
			const isOther = next !== candidate;
			if (isOther) {
				stop?.();
				stop = next?.onChange((changed) => {
					const concerned = changed === "all" ? canaries : new Set([...canaries].filter((id) => changed.has(id)));
					for (const listener of listeners) listener(concerned);
				});
			}
			candidate = next;
			canaries = ids;
			const moved = [...before, ...ids].filter((id) => isOther || before.has(id) !== ids.has(id));
			if (moved.length > 0) for (const listener of listeners) listener(new Set(moved));
		},
		isCanary: (nodeId) => candidate !== undefined && canaries.has(nodeId),
		isSame: (node, other) => hasSame(base.get(node), other.get(node)),
		isOfCandidate(node, typeUrl, name) {
			if (candidate === undefined || !canaries.has(node.id)) return false;
			const versionIn = (source: CandidateSource) => source.get(node)?.resources.get(typeUrl)?.get(name)?.version;
			return versionIn(candidate) !== versionIn(base);
		},
	};
}

function hasSame(one: XdsSnapshot | undefined, other: XdsSnapshot | undefined): boolean {
	if (one === undefined || other === undefined) return one === other;
	const types = new Set([...one.resources.keys(), ...other.resources.keys()]);
	for (const type of types) {
		const [mine, theirs] = [one.resources.get(type) ?? none, other.resources.get(type) ?? none];
		if (mine === theirs) continue;
		if (mine.size !== theirs.size) return false;
		for (const [name, { version }] of mine) if (theirs.get(name)?.version !== version) return false;
	}
	return true;
}

const none: ReadonlyMap<string, { readonly version: string }> = new Map();
