/** Discovery, server side: one stream per proxy, fed by a `SnapshotSource` with packed resources.
 *  Knows versions, nonces, ACK and NACK, and the order of types; does not know what a service is.
 *  Spec: xDS transport protocol v3, state of the world and delta. */

export { hashBytes, packResource, packResourceLate, type XdsResource } from "../resource/resource.ts";
export {
	clusterType,
	endpointType,
	extensionType,
	listenerType,
	routeType,
	scopedRouteType,
	secretType,
} from "../resource/type-urls.ts";
export type { NodeResources } from "./client-status.ts";
export type { XdsCounter, XdsMetrics } from "./events.ts";
export type { AnswerListener, SnapshotSource, StreamGate, StreamPeer, XdsSnapshot } from "./snapshot.ts";
export type { ConnectionStatus, NodeStatus, SyncState, TypeStatus } from "./status.ts";
export type { RefusedResource } from "./stream.ts";
export { streamPeerOf } from "./stream-shell.ts";
export { createXdsServer, type XdsServer, type XdsServerOptions, type XdsServices } from "./xds-server.ts";
