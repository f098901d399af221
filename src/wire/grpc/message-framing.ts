const prefixBytes = 5;

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
	#parts: Buffer[] = [];
	#missing = 0;

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
			const taken = Math.min(this.#missing, chunk.length - at);
			this.#parts.push(Buffer.from(chunk.subarray(at, at + taken)));
			this.#missing -= taken;
			at += taken;
			if (this.#missing === 0) this.#finish();
		}
		return undefined;
	}

	#begin(): GrpcFramingProblem | undefined {
		const flags = this.#prefix[0]!;
		if (flags === 1) return "compressed message";
		if (flags !== 0) return "bad flags";
		this.#missing = this.#prefix.readUInt32BE(1);
		if (this.#missing > this.#maxMessageBytes) return "message too large";
		if (this.#missing === 0) this.#finish();
		return undefined;
	}

	#finish(): void {
		const message = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
		this.#parts = [];
		this.#prefixLength = 0;
		this.#onMessage(message);
	}
}
