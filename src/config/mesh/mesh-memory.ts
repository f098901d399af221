import type { ClusterNode, Pod, Service, Workload, WorkloadInstance } from "../../model/index.ts";
import type { ServiceDocument } from "../kinds/service/service.ts";
import { createDerived, createListKeeper } from "./derived.ts";

/** What building a mesh remembers for the next one, see `createDerived`. */
export interface MeshMemory {
	readonly serviceOf: ReturnType<typeof createDerived<ServiceDocument, Service>>;
	readonly instanceOf: ReturnType<typeof createDerived<Pod, WorkloadInstance>>;
	readonly keepWorkloads: (list: readonly Workload[]) => readonly Workload[];
	readonly keepPods: (list: readonly Pod[]) => readonly Pod[];
	readonly keepNodes: (list: readonly ClusterNode[]) => readonly ClusterNode[];
}

/** Nothing remembered yet. */
export function createMeshMemory(): MeshMemory {
	return {
		serviceOf: createDerived(),
		instanceOf: createDerived(),
		keepWorkloads: createListKeeper(),
		keepPods: createListKeeper(),
		keepNodes: createListKeeper(),
	};
}
