import type { StreamSocket } from "../../os/index.ts";
import { parseFirstBytes } from "../../wire/tls-hello/index.ts";

/** Waits for a client's first bytes and tells the server name in them, "" where there is none; the bytes are put back. The handshake, which
 *  reads them again, finds what is wrong with them. A socket that closes before is forgotten. */
export function peekServerName(socket: StreamSocket, done: (serverName: string) => void): void {
	let seen: Buffer = Buffer.alloc(0);
	const finish = (serverName: string): void => {
		socket.off("data", onData);
		socket.off("end", onEnd);
		socket.off("error", onError);
		socket.pause();
		if (seen.length > 0) socket.unshift(seen);
		done(serverName);
	};
	const onData = (bytes: Buffer): void => {
		seen = seen.length === 0 ? bytes : Buffer.concat([seen, bytes]);
		const first = parseFirstBytes(seen);
		if (first.kind !== "incomplete") finish(first.kind === "client-hello" ? first.serverName : "");
	};
	const onEnd = (): void => finish("");
	const onError = (): void => undefined;
	socket.on("error", onError);
	socket.on("end", onEnd);
	socket.on("data", onData);
	socket.resume();
}
