import type { StreamSocket } from "../../os/index.ts";

/** What is written to. */
export type WritableSocket = Pick<StreamSocket, "destroyed" | "writableLength" | "write" | "cork" | "uncork">;

const slabBytes = 64 * 1024;
/** Slabs that wait for their next use, of all connections together: 8 MiB. */
const maxSpare = 128;
const spare: Buffer[] = [];

/** Writes bytes whose buffer will be used again at once: into slabs that go back to a common pool when the socket is done with them,
 *  so that a large body leaves no garbage behind. */
export class CopiedWrites {
	readonly #socket: WritableSocket;
	/** In the order of the writes, which is the order of their ends. */
	readonly #inFlight: Buffer[] = [];
	readonly #onWritten = (): void => {
		const slab = this.#inFlight.shift();
		if (slab !== undefined && spare.length < maxSpare) spare.push(slab);
	};

	constructor(socket: WritableSocket) {
		this.#socket = socket;
	}

	write(view: Buffer): void {
		for (let from = 0; from < view.length; from += slabBytes) {
			const bytes = Math.min(slabBytes, view.length - from);
			const slab = spare.pop() ?? Buffer.allocUnsafeSlow(slabBytes);
			view.copy(slab, 0, from, from + bytes);
			this.#inFlight.push(slab);
			this.#socket.write(bytes === slabBytes ? slab : slab.subarray(0, bytes), this.#onWritten);
		}
	}
}
