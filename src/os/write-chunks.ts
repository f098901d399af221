import type { HandleRequest, StreamHandle } from "./stream-handles.ts";

/** Writes several chunks, text as Latin-1, in one call of the system.
 *  @returns as {@link StreamHandle.writev} */
export function writeChunks(handle: StreamHandle, chunks: readonly (Uint8Array | string)[]): number | HandleRequest {
	const isBytesOnly = chunks.every((chunk) => typeof chunk !== "string");
	if (isBytesOnly) return handle.writev(null, chunks, true);
	return handle.writev(
		null,
		chunks.flatMap((chunk) => [chunk, typeof chunk === "string" ? "latin1" : "buffer"]),
		false,
	);
}
