import type { Millis } from "../../core/index.ts";

/** The recent peak of a host's response times: an exponentially weighted moving average that takes a rise at once and forgets it
 *  with time. */
export class PeakLatency {
	readonly #decayMs: number;
	#costMs: number;
	#at: Millis;

	constructor(decayMs: number, defaultRttMs: number, now: Millis) {
		this.#decayMs = decayMs;
		this.#costMs = defaultRttMs;
		this.#at = now;
	}

	/** Takes in how long an answer took. */
	observe(rttMs: number, now: Millis): void {
		const before = this.#costMs;
		const weight = Math.exp(-Math.max(0, now - this.#at) / this.#decayMs);
		this.#costMs = rttMs > before ? rttMs : before * weight + rttMs * (1 - weight);
		this.#at = now;
	}

	/** Response time times load: what one more request would cost. Without answers the time fades, so that a host that was slow once
	 *  is tried again. */
	cost(activeRequests: number, now: Millis): number {
		const weight = Math.exp(-Math.max(0, now - this.#at) / this.#decayMs);
		return (this.#costMs * weight + minimumMs) * (activeRequests + 1);
	}
}

/** Keeps hosts that answer in no time comparable by their load. */
const minimumMs = 0.1;
