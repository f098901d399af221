import type { Node } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { describeError, type Log } from "../../core/index.ts";
import { formatObjectName } from "../../model/index.ts";
import type { ConfigStore, StoredObject, StoredObjectName } from "../../registry/index.ts";
import { createPatchedSource } from "../envoy-filter/index.ts";
import type { MeshSource } from "../ingest/index.ts";
import { createSnapshotStore, findInstance, type OnDemandSource, type SnapshotStore } from "../snapshot/index.ts";
import type { TouchedNode } from "./rollout.ts";
import type { CandidateSource } from "./split-source.ts";

/** The mesh as it would be with a change. */
export interface Candidate extends CandidateSource {
	/** As far as proxies that ask for more need it. */
	readonly snapshots: Pick<SnapshotStore, "findOnDemandClient" | "nodesOf" | "onHosts">;
	/** What the choice of canaries goes by. */
	describeNode(node: Node): TouchedNode;
	close(): void;
}

export interface CandidateOptions {
	readonly source: Pick<MeshSource, "fork">;
	readonly config: Pick<ConfigStore, "list" | "watch">;
	readonly onDemand: OnDemandSource;
	readonly log: Log;
}

type ChangedObject = StoredObjectName & { readonly document?: unknown };

/** Builds the mesh with changed objects beside the one that is served, and follows everything else as that one does. */
export function openCandidate(
	changed: readonly ChangedObject[],
	createdAt: number,
	options: CandidateOptions,
): Candidate {
	const { config, onDemand, log } = options;
	const snapshots = createSnapshotStore(onDemand);
	const patched = createPatchedSource(snapshots, () => snapshots.index());
	const source = options.source.fork({
		config: overlay(config, changed, createdAt),
		onMesh(mesh) {
			try {
				snapshots.apply(mesh);
			} catch (error) {
				// As in the mesh that is served: a mistake of ours, and canaries run on what they have.
				log.error("the mesh of a rollout cannot be translated", { problem: describeError(error) });
			}
		},
	});
	snapshots.apply(source.start());
	return {
		get: (node) => patched.get(node),
		onChange: (listener) => patched.onChange(listener),
		refuse: (node, typeUrl, reason, names) => patched.refuse(node, typeUrl, reason, names),
		gone: (node) => patched.gone(node),
		snapshots,
		describeNode({ id }) {
			const index = snapshots.index();
			const instance = index && findInstance(index, id);
			if (instance === undefined) return { id, workload: id };
			const { namespace, workload, health } = instance;
			const isUnready = health === "starting" || health === "unready";
			return { id, workload: formatObjectName({ namespace, name: workload }), ...(isUnready && { isUnready }) };
		},
		close: () => source.close(),
	};
}

/** The applied objects with some of them replaced and some added. */
function overlay(
	config: CandidateOptions["config"],
	changed: readonly ChangedObject[],
	createdAt: number,
): CandidateOptions["config"] {
	const keyOf = ({ kind, namespace, name }: StoredObjectName): string => `${kind}/${namespace}/${name}`;
	const replaced = new Map<string, StoredObject>();
	let known: { readonly of: readonly StoredObject[]; readonly list: readonly StoredObject[] } | undefined;
	const list = (): readonly StoredObject[] => {
		const of = config.list();
		if (known?.of === of) return known.list;
		const before = new Map(of.map((object) => [keyOf(object), object]));
		for (const object of changed) {
			const { kind, namespace, name, document } = object;
			const key = keyOf(object);
			// What it was made of stays the same object, so that it is parsed once.
			if (!replaced.has(key)) {
				const age = before.get(key)?.createdAt ?? createdAt;
				replaced.set(key, { kind, namespace, name, document, createdAt: age, revision: 0 });
			}
			before.set(key, replaced.get(key)!);
		}
		const sorted = [...before.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
		known = { of, list: sorted };
		return sorted;
	};
	return { list, watch: (listener) => config.watch(() => listener(list())) };
}
