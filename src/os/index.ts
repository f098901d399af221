/** What Node's public API lacks. System calls: options of sockets that are open, the address before a redirect, sockets of another process
 *  (Linux only; whoever asks elsewhere gets one sentence that says so). Sockets straight on Node's stream handles, where this Node has
 *  them; `net.Socket` has the same words. Knows nothing of listeners or clusters. */

export { acceptTls, type TlsServerOptions, type TlsServerOutcome } from "./accept-tls.ts";
export { connectTls, type TlsClientOptions, type TlsClientOutcome } from "./connect-tls.ts";
export { descriptorOf } from "./descriptor.ts";
export { acceptHandles } from "./handle-accept.ts";
export { connectHandle, type HandleConnectOptions } from "./handle-connect.ts";
export { type ListenOptions, listenAtAddress } from "./handle-listen.ts";
export { HandleSocket, sharedReadBuffer } from "./handle-socket.ts";
export type { HandleSocketOptions } from "./handle-socket-options.ts";
export { KeptMemory, type MemoryReading } from "./kept-memory.ts";
export { createListeningSocket, type ListeningSocketOptions } from "./listening-socket.ts";
export { type FileMapping, mapFile } from "./map-file.ts";
export { openPeerProcess, type PeerProcess, readStartTime } from "./peer-process.ts";
export { toSystemPath } from "./pipe-path.ts";
export { createPrivateSocketPath, findSystemPath, releasePrivateSockets } from "./private-socket.ts";
export { returnFreedMemory } from "./return-memory.ts";
export { canTuneContexts, type SessionRules, tuneContext } from "./ssl/tune-context.ts";
export { findStreamHandles, type SocketHandle, type StreamHandles } from "./stream-handles.ts";
export type { StreamSocket, WriteOutcome } from "./stream-socket.ts";
export {
	type OriginalDestination,
	openSystemCalls,
	type SocketOption,
	type SystemCalls,
	type SystemCallsResult,
} from "./system-calls.ts";
export { TlsHandshake } from "./tls-handshake.ts";
export { writeReusable } from "./write-reusable.ts";
