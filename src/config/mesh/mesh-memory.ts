import type { ClusterNode, Pod, Service, Workload, WorkloadInstance } from "../../model/index.ts";
import type { ServiceDocument } from "../kinds/service/service.ts";
import { createDerived, createListKeeper } from "./derived.ts";
import type { BuildRecord } from "./patch-endpoints.ts";

/** What building a mesh remembers for the next one, see `createDerived`. */
export interface MeshMemory {
	readonly serviceOf: ReturnType<typeof createDerived<ServiceDocument, Service>>;
	readonly instanceOf: ReturnType<typeof createDerived<Pod, WorkloadInstance>>;
	readonly keepWorkloads: (list: readonly Workload[]) => readonly Workload[];
	readonly keepPods: (list: readonly Pod[]) => readonly Pod[];
	readonly keepNodes: (list: readonly ClusterNode[]) => readonly ClusterNode[];
	/** The newest mesh built. Whoever puts equal objects of an older mesh in the place of its own says so here. */
	last: BuildRecord | undefined;
}

/** Nothing remembered yet. */
export function createMeshMemory(): MeshMemory {
	return {
		serviceOf: createDerived(),
		instanceOf: createDerived(),
		keepWorkloads: createListKeeper(),
		keepPods: createListKeeper(),
		keepNodes: createListKeeper(),
		last: undefined,
	};
}
