import type { Millis } from "../../../../core/index.ts";

/** Bytes that all streams of a filter may pass on in a second, both directions together: refilled all the time, full after a second.
 *  Whoever asks first finds what one interval brings. */
export class ByteBucket {
	readonly #bytesPerMs: number;
	readonly #maximum: number;
	#bytes: number;
	#filledAt: Millis | undefined;

	constructor(bytesPerSecond: number, intervalMs: number) {
		this.#maximum = bytesPerSecond;
		this.#bytesPerMs = bytesPerSecond / 1000;
		this.#bytes = this.#bytesPerMs * intervalMs;
	}

	/** Takes as many bytes as there are, up to `wanted`. */
	take(wanted: number, now: Millis): number {
		this.#bytes = Math.min(this.#maximum, this.#bytes + (now - (this.#filledAt ?? now)) * this.#bytesPerMs);
		this.#filledAt = now;
		const taken = Math.min(wanted, Math.floor(this.#bytes));
		this.#bytes -= taken;
		return taken;
	}
}
