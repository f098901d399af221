import type { DownstreamConnection, TerminalFilter } from "../network-filter.ts";
import { SocketSet } from "./socket-set.ts";

/** Says one thing to every connection and closes it. */
export class DirectResponse implements TerminalFilter {
	readonly ignoresBytes = true;
	readonly #response: Buffer;
	readonly #sockets = new SocketSet();

	constructor(response: Buffer) {
		this.#response = response;
	}

	get activeConnections(): number {
		return this.#sockets.size;
	}

	accept({ socket, record }: DownstreamConnection): void {
		this.#sockets.add(socket);
		if (record !== undefined) record.responseCodeDetails = "direct_response";
		if (this.#response.length > 0) socket.write(this.#response);
		socket.destroySoon();
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
