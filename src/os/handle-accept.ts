import type { Server } from "node:net";
import { createStreamError } from "./stream-error.ts";
import type { SocketHandle } from "./stream-handles.ts";

/** The part of Node's servers that their connections come from. */
interface ServerHandle {
	onconnection: (status: number, handle: SocketHandle) => void;
	setNoDelay?(on: boolean): number;
}

/** Takes the connections of a server that listens before Node makes sockets of them. Accepted handles inherit `noDelay`.
 *  @returns false when this server has no such handle; it goes on as it is */
export function acceptHandles(
	server: Server,
	noDelay: boolean,
	onHandle: (handle: SocketHandle) => void,
	onError: (error: Error) => void,
): boolean {
	const { _handle: handle } = server as unknown as { readonly _handle?: ServerHandle | null };
	if (typeof handle?.onconnection !== "function") return false;
	const isInherited = noDelay && handle.setNoDelay?.(true) === 0;
	handle.onconnection = (status, accepted) => {
		if (status < 0) {
			onError(createStreamError(status, "accept"));
			return;
		}
		if (noDelay && !isInherited) accepted.setNoDelay?.(true);
		onHandle(accepted);
	};
	return true;
}
