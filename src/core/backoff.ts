import type { Random } from "./random.ts";

/** Exponential back-off with full jitter: the n-th delay lies in [0, min(max, base × 2ⁿ)). */
export interface BackoffConfig {
	readonly baseMs: number;
	readonly maxMs: number;
}

/** The delay before attempt `attempt` (0 for the first retry), in milliseconds. */
export function computeBackoff(config: BackoffConfig, attempt: number, random: Random): number {
	const ceiling = Math.min(config.maxMs, config.baseMs * 2 ** Math.min(attempt, 30));
	return Math.floor(random.next() * ceiling);
}

/** The delays between the attempts of one thing. */
export interface Backoff {
	/** The delay before the next attempt, in milliseconds: each failure in a row makes it longer. */
	next(): number;
	/** An attempt went well: the next failure is the first again. */
	reset(): void;
}

/** Counts failures in a row.
 *  @param floorMs added to every delay: full jitter alone may try again at once */
export function createBackoff(config: BackoffConfig, random: Random, floorMs = 0): Backoff {
	let failures = 0;
	return {
		next: () => floorMs + computeBackoff(config, failures++, random),
		reset() {
			failures = 0;
		},
	};
}
