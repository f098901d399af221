import type { Node } from "../api/gen/envoy/config/core/v3/base_pb.js";
import type { ConfigObject, LocatedProblem } from "../config/index.ts";
import type { XdsSnapshot } from "../xds/server/index.ts";
import type { MeshIndex } from "./translate/index.ts";

/** What a control plane serves at the moment, for endpoints that others bring along. */
export interface ServedMesh {
	/** Undefined before the first mesh. */
	index(): MeshIndex | undefined;
	objects(): readonly ConfigObject[];
	problems(): readonly LocatedProblem[];
	/** What a node is given; undefined for one that is not known. */
	snapshot(node: Node): XdsSnapshot | undefined;
	/** The nodes that are connected. */
	nodes(): readonly Node[];
}
