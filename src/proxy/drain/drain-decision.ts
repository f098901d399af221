import type { Clock, Random } from "../../core/index.ts";

/** `gradual` lets connections go one by one over the drain time, `immediate` with their next response. */
export type DrainStrategy = "gradual" | "immediate";

/** A drain that has begun. */
export interface DrainDecision {
	/** Whether the connection that asks is to end with its response. Asked once a response: chance decides each time. */
	isDue(): boolean;
}

/** Every connection ends with its next response. */
export const drainAtOnce: DrainDecision = Object.freeze({ isDue: () => true });

/** Begins a drain of `durationMs`. */
export function startDrain(strategy: DrainStrategy, durationMs: number, clock: Clock, random: Random): DrainDecision {
	if (strategy === "immediate" || durationMs <= 0) return drainAtOnce;
	const startedAt = clock.now();
	// Envoy's: the share of the drain time that has gone by is the chance to be let go.
	return { isDue: () => (clock.now() - startedAt) / durationMs > random.next() };
}
