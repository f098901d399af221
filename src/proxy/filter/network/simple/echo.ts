import type { DownstreamConnection, TerminalFilter } from "../network-filter.ts";
import { SocketSet } from "./socket-set.ts";

/** Sends every byte back. */
export class Echo implements TerminalFilter {
	readonly #sockets = new SocketSet();

	get activeConnections(): number {
		return this.#sockets.size;
	}

	accept({ socket }: DownstreamConnection): void {
		this.#sockets.add(socket);
		socket.on("data", (bytes) => {
			if (!socket.write(bytes)) socket.pause();
		});
		socket.on("drain", () => socket.resume());
		socket.on("end", () => socket.destroySoon());
	}

	onRefused(): void {
		return;
	}

	drain(): void {
		return;
	}

	close(): void {
		this.#sockets.destroy();
	}
}
