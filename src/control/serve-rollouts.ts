import type { Node } from "../api/gen/envoy/config/core/v3/base_pb.js";
import { type Clock, type Log, systemRandom } from "../core/index.ts";
import type { ConfigStore, Store } from "../registry/index.ts";
import type { XdsServer } from "../xds/server/index.ts";
import type { MeshSource } from "./ingest/index.ts";
import type { ProxyPages } from "./proxy-pages.ts";
import {
	openCandidate,
	openRollouts,
	parseStats,
	type Rollouts,
	type SplitSource,
	statsPath,
} from "./rollout/index.ts";
import { findInstance, type OnDemandSource, type SnapshotStore } from "./snapshot/index.ts";

/** The parts of a control plane that rollouts are made of. */
export interface ServeRolloutsOptions {
	readonly store: Store;
	readonly config: ConfigStore;
	readonly source: MeshSource;
	readonly snapshots: Pick<SnapshotStore, "index">;
	readonly split: SplitSource;
	readonly xds: Pick<XdsServer, "statuses">;
	readonly onDemand: OnDemandSource;
	readonly pages: Pick<ProxyPages, "read">;
	readonly isShared: boolean;
	readonly tickMs?: number;
	readonly clock: Clock;
	readonly log: Log;
}

/** Makes the rollouts of a control plane, and goes on with one that runs. */
export function serveRollouts(options: ServeRolloutsOptions): Promise<Rollouts> {
	const { source, config, snapshots, xds, onDemand, pages, log } = options;
	return openRollouts({
		...options,
		random: systemRandom,
		open: (objects, createdAt) => openCandidate(objects, createdAt, { source, config, onDemand, log }),
		nodes: () => xds.statuses().map(({ node }) => node),
		async readFigures(node: Node) {
			const index = snapshots.index();
			const instance = index && findInstance(index, node.id);
			const text = instance && (await pages.read(instance, statsPath));
			return text === undefined ? undefined : parseStats(text);
		},
		placeInFolder({ kind, namespace, name }) {
			const place = source.folderObject(`${kind}/${namespace}/${name}`)?.source;
			return place && `${place.file}:${place.line}`;
		},
		isPending: () => source.isPending(),
	});
}

type AskedSnapshots = Pick<SnapshotStore, "findOnDemandClient" | "nodesOf">;

/** Where proxies that ask for more are found: in the mesh, and in the one that canaries have. */
export function withCandidate(snapshots: AskedSnapshots, candidate: () => AskedSnapshots | undefined): AskedSnapshots {
	return {
		findOnDemandClient(key) {
			const [mine, other] = [snapshots.findOnDemandClient(key), candidate()?.findOnDemandClient(key)];
			if (mine === undefined || other === undefined) return mine ?? other;
			return { ...mine, resolve: (...what) => mine.resolve(...what) ?? other.resolve(...what) };
		},
		nodesOf: (workload) => new Set([...snapshots.nodesOf(workload), ...(candidate()?.nodesOf(workload) ?? [])]),
	};
}
