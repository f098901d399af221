/** HTTP/2 as bytes: frames, streams, flow control and settings of either end of a connection. Incremental, bounded, without I/O and
 *  without clock. Knows nothing about routes or proxies. Specs: RFC 9113, RFC 8441; where they leave a choice, what Envoy chooses. */
export { defaultHttp2Config, type Http2Config } from "./config.ts";
export { Http2Connection } from "./connection.ts";
export { createHttp2Shared, type Http2Shared } from "./connection-state.ts";
export { createUnreadCounters, type Http2Counters } from "./counters.ts";
export { Http2ErrorCode, type Http2Fault } from "./error-codes.ts";
export { clientPreface } from "./frames.ts";
export type { Http2Head } from "./head.ts";
export type { Http2Sink } from "./sink.ts";
export { Http2Stream } from "./stream.ts";
