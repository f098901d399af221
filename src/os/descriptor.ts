import type { Server } from "node:net";
import { HandleSocket } from "./handle-socket.ts";
import type { StreamSocket } from "./stream-socket.ts";

/** The part of Node's handles that names the descriptor; public API has no word for it. */
interface Handle {
	readonly fd: number;
}

/** The file descriptor of an open socket or server; undefined when it is closed. It stays Node's: never close it. */
export function descriptorOf(socket: StreamSocket | Server): number | undefined {
	if (socket instanceof HandleSocket) return socket.descriptor;
	const handle = (socket as unknown as { readonly _handle?: Handle | null })._handle;
	return handle === undefined || handle === null || handle.fd < 0 ? undefined : handle.fd;
}
