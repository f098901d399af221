import { frameHeadBytes } from "./frames.ts";

/** Four of the largest frames, and what goes with them. */
export const largeBytes = 66 * 1024;
const keptBuffers = 64;

/** Buffers that connections write into for a turn and give back: an idle connection holds none. */
export class OutputBuffers {
	readonly #free: Buffer[] = [];

	take(): Buffer {
		return this.#free.pop() ?? Buffer.allocUnsafeSlow(largeBytes);
	}

	give(buffer: Buffer): void {
		if (buffer.length === largeBytes && this.#free.length < keptBuffers) this.#free.push(buffer);
	}
}

/** What a connection sends in a turn, one frame behind the other. */
export class OutputBuffer {
	buffer: Buffer | undefined;
	/** Unsent octets are `buffer[start, at)`. */
	start = 0;
	at = 0;
	/** Frames among them, and those that answer or cancel. */
	frames = 0;
	controlFrames = 0;
	readonly #buffers: OutputBuffers;
	/** The buffers of writes that are not done, first to last. */
	readonly #inFlight: Buffer[] = [];

	constructor(buffers: OutputBuffers) {
		this.#buffers = buffers;
	}

	/** Unsent octets. */
	get length(): number {
		return this.at - this.start;
	}

	/** Room for `bytes` more, at `at`. */
	reserve(bytes: number): Buffer {
		const { buffer } = this;
		if (buffer === undefined) {
			this.start = this.at = 0;
			this.buffer = bytes <= largeBytes ? this.#buffers.take() : Buffer.allocUnsafeSlow(bytes * 2);
			return this.buffer;
		}
		if (this.at + bytes <= buffer.length) return buffer;
		const held = this.at - this.start;
		const grown = Buffer.allocUnsafeSlow(Math.max(buffer.length * 2, held + bytes));
		grown.set(buffer.subarray(this.start, this.at));
		this.start = 0;
		this.at = held;
		this.buffer = grown;
		return grown;
	}

	/** Writes the head of a frame; its payload follows. */
	beginFrame(type: number, flags: number, streamId: number, length: number): Buffer {
		const buffer = this.reserve(frameHeadBytes + length);
		let { at } = this;
		buffer[at++] = length >>> 16;
		buffer[at++] = length >>> 8;
		buffer[at++] = length;
		buffer[at++] = type;
		buffer[at++] = flags;
		buffer[at++] = streamId >>> 24;
		buffer[at++] = streamId >>> 16;
		buffer[at++] = streamId >>> 8;
		buffer[at++] = streamId;
		this.at = at;
		this.frames++;
		return buffer;
	}

	putUint32(value: number): void {
		const buffer = this.reserve(4);
		buffer[this.at++] = value >>> 24;
		buffer[this.at++] = value >>> 16;
		buffer[this.at++] = value >>> 8;
		buffer[this.at++] = value;
	}

	putUint16(value: number): void {
		const buffer = this.reserve(2);
		buffer[this.at++] = value >>> 8;
		buffer[this.at++] = value;
	}

	/** The octets to send. {@link release} follows. */
	take(): Buffer {
		return this.buffer!.subarray(this.start, this.at);
	}

	/** The octets have left; `isGone` when nobody looks at them any more. `isReported`: else {@link onWritten} follows. */
	release(isGone: boolean, isReported: boolean): void {
		this.frames = this.controlFrames = 0;
		const buffer = this.buffer!;
		this.buffer = undefined;
		this.start = this.at = 0;
		if (isGone) this.#buffers.give(buffer);
		else if (isReported) this.#inFlight.push(buffer);
	}

	/** The first of the writes is done. */
	onWritten(): void {
		const buffer = this.#inFlight.shift();
		if (buffer !== undefined) this.#buffers.give(buffer);
	}
}
