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
