import type { Socket } from "node:net";

/** The open sockets of a filter. */
export class SocketSet {
	readonly #sockets = new Set<Socket>();

	get size(): number {
		return this.#sockets.size;
	}

	add(socket: Socket): void {
		this.#sockets.add(socket);
		socket.on("error", () => socket.destroy());
		socket.once("close", () => this.#sockets.delete(socket));
	}

	destroy(): void {
		for (const socket of this.#sockets) socket.destroy();
	}
}
