/** Snapshots of the mesh for proxies: packed once, versioned by content, and kept while what they are made of did not change.
 *  Decides what is new; neither translates (translate) nor sends (xds). */
export {
	findInstance,
	isCaptured,
	isProxyless,
	type NodeName,
	readLabels,
	readNodeName,
	readProxyKind,
	readProxylessInstance,
} from "./node.ts";
export { OnDemandMap } from "./on-demand-map.ts";
export type { OnDemandClient, OnDemandSource } from "./scoping.ts";
export { createSnapshotStore, type SnapshotStore } from "./snapshot-store.ts";
