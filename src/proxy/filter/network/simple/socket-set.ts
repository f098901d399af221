import type { StreamSocket } from "../../../../os/index.ts";

/** The open sockets of a filter. */
export class SocketSet {
	readonly #sockets = new Set<StreamSocket>();

	get size(): number {
		return this.#sockets.size;
	}

	add(socket: StreamSocket): void {
		this.#sockets.add(socket);
		socket.on("error", () => socket.destroy());
		socket.once("close", () => this.#sockets.delete(socket));
	}

	destroy(): void {
		for (const socket of this.#sockets) socket.destroy();
	}
}
