import type { Millis } from "../../core/index.ts";
import type { BalancedHost, SlowStartConfig } from "./types.ts";

/** The share of its weight a host has while it warms up, in (0, 1]. */
export function computeSlowStartFactor(config: SlowStartConfig, host: BalancedHost, now: Millis): number {
	const age = now - host.healthySince;
	if (host.health !== "healthy" || age >= config.windowMs) return 1;
	const timeFactor = Math.max(age, 1) / config.windowMs;
	const factor = config.aggression === 1 ? timeFactor : timeFactor ** (1 / config.aggression);
	return Math.min(1, Math.max(factor, config.minWeightPercent / 100));
}
