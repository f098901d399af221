/** The few system calls that Node lacks: options of sockets that are open, the address before a redirect, sockets of another process.
 *  Linux only; whoever asks elsewhere gets one sentence that says so. Knows nothing of listeners or clusters. */

export { descriptorOf } from "./descriptor.ts";
export { createListeningSocket, type ListeningSocketOptions } from "./listening-socket.ts";
export {
	type OriginalDestination,
	openSystemCalls,
	type SocketOption,
	type SystemCalls,
	type SystemCallsResult,
} from "./system-calls.ts";
