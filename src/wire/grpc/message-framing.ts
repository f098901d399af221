const prefixBytes = 5;
const nothing = Buffer.alloc(0);

/** A message in its frame: not compressed, four bytes of length. */
export function frameMessage(message: Uint8Array): Buffer {
	const frame = Buffer.allocUnsafe(prefixBytes + message.length);
	frame[0] = 0;
	frame.writeUInt32BE(message.length, 1);
	frame.set(message, prefixBytes);
	return frame;
}

/** Why bytes are no messages. */
export type GrpcFramingProblem = "compressed message" | "bad flags" | "message too large";

/** Takes the messages out of a stream of bytes; what is held back is at most one message. */
export class MessageReader {
	readonly #maxMessageBytes: number;
	readonly #onMessage: (message: Buffer) => void;
	readonly #prefix = Buffer.alloc(prefixBytes);
	#prefixLength = 0;
	/** What came of the message, at the front. */
	#message: Buffer = nothing;
	#filled = 0;
	#length = 0;

	/** @param onMessage gets bytes of its own, valid after the call as well */
	constructor(maxMessageBytes: number, onMessage: (message: Buffer) => void) {
		this.#maxMessageBytes = maxMessageBytes;
		this.#onMessage = onMessage;
	}

	/** Whether a message has begun that is not complete. */
	get isWithinMessage(): boolean {
		return this.#prefixLength > 0;
	}

	/** Reads on; after a problem nothing may be read any more. */
	read(chunk: Buffer): GrpcFramingProblem | undefined {
		for (let at = 0; at < chunk.length; ) {
			if (this.#prefixLength < prefixBytes) {
				this.#prefix[this.#prefixLength++] = chunk[at++]!;
				if (this.#prefixLength < prefixBytes) continue;
				const problem = this.#begin();
				if (problem !== undefined) return problem;
				continue;
			}
			const taken = Math.min(this.#length - this.#filled, chunk.length - at);
			this.#makeRoom(taken);
			chunk.copy(this.#message, this.#filled, at, at + taken);
			this.#filled += taken;
			at += taken;
			if (this.#filled === this.#length) this.#finish();
		}
		return undefined;
	}

	#begin(): GrpcFramingProblem | undefined {
		const flags = this.#prefix[0]!;
		if (flags === 1) return "compressed message";
		if (flags !== 0) return "bad flags";
		this.#length = this.#prefix.readUInt32BE(1);
		if (this.#length > this.#maxMessageBytes) return "message too large";
		if (this.#length === 0) this.#finish();
		return undefined;
	}

	/** Grows with what has come, not with what was announced; in few steps, however small the pieces are. */
	#makeRoom(bytes: number): void {
		const needed = this.#filled + bytes;
		if (needed <= this.#message.length) return;
		const grown = Buffer.allocUnsafe(Math.min(this.#length, Math.max(needed, 2 * this.#message.length)));
		this.#message.copy(grown, 0, 0, this.#filled);
		this.#message = grown;
	}

	#finish(): void {
		const message = this.#message;
		this.#message = nothing;
		this.#filled = this.#prefixLength = 0;
		this.#onMessage(message);
	}
}
