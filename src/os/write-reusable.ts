import { HandleSocket } from "./handle-socket.ts";
import type { StreamSocket, WriteOutcome } from "./stream-socket.ts";

/** Writes bytes of a buffer that will be used again. @param done called when it may be, unless that is at once: "gone" */
export function writeReusable(socket: Pick<StreamSocket, "write">, bytes: Uint8Array, done: () => void): WriteOutcome {
	if (socket instanceof HandleSocket) return socket.writeReusable(bytes, done);
	return socket.write(bytes, done) ? "taken" : "full";
}
