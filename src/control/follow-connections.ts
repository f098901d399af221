import type { Server, Socket } from "node:net";

/** Follows the connections of a server from their first byte. Node's own `closeAllConnections` passes over those whose TLS handshake still
 *  goes on: such a one, or what it asks afterwards, would hold up the end.
 *  @returns ends the server and everything that is connected to it; resolves when nothing is left */
export function followConnections(server: Server): () => Promise<void> {
	const open = new Set<Socket>();
	server.on("connection", (socket: Socket) => {
		open.add(socket);
		socket.once("close", () => open.delete(socket));
	});
	return () => {
		if (!server.listening) return Promise.resolve();
		const { promise, resolve } = Promise.withResolvers<void>();
		server.close(() => resolve());
		for (const socket of open) socket.destroy();
		return promise;
	};
}
