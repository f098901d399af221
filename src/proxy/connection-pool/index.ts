/** Connections to the hosts of clusters: HTTP/1 keep-alive pools bounded by the circuit breakers, and raw sockets.
 *  Does not choose hosts (cluster) nor decide about retries (engine). */
export { ClientConnection, type ResponseReceiver } from "./client-connection.ts";
export { Http1Pool, type PoolContext, type PoolWaiter } from "./http1-pool.ts";
export { RawConnection, type RawConnectionOwner } from "./raw-connection.ts";
export type { PoolFailure, ResetReason } from "./reset-reason.ts";
export { UpstreamCluster, type UpstreamContext } from "./upstream-cluster.ts";
export {
	describeConnectFailure,
	openUpstreamSocket,
	readBuffer,
	type UpstreamSocketOptions,
	type UpstreamSocketOwner,
} from "./upstream-socket.ts";
