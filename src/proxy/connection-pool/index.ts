/** Connections to the hosts of clusters: HTTP/1 keep-alive pools bounded by the circuit breakers, and raw sockets.
 *  Does not choose hosts (cluster) nor decide about retries (engine). */

export type { HttpTunnelOptions } from "./http-tunnel.ts";
export { Http2Keepalive } from "./http2-keepalive.ts";
export type { PoolContext } from "./pool-core.ts";
export { RawConnection } from "./raw-connection.ts";
export type { RawStream, RawStreamOwner } from "./raw-stream.ts";
export type { PoolFailure, ResetReason } from "./reset-reason.ts";
export { UpstreamCluster, type UpstreamContext } from "./upstream-cluster.ts";
export type {
	AttemptConnection,
	OutgoingRequest,
	PoolWaiter,
	ResponseReceiver,
	UpstreamExchange,
	UpstreamPool,
	UpstreamResponse,
} from "./upstream-pool.ts";
export {
	type BoundConnection,
	describeConnectFailure,
	openUpstreamSocket,
	readBuffer,
	type UpstreamSocketOptions,
	type UpstreamSocketOwner,
} from "./upstream-socket.ts";
