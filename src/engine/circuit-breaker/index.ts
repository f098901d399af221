/** Limits of what a cluster may have in flight, per priority. Spec: Envoy "circuit breaking". */
export {
	CircuitBreaker,
	type CircuitBreakerGauges,
	type RemainingGauges,
} from "./circuit-breaker.ts";
export type { CircuitBreakersConfig, CircuitBreakerThresholds, RetryBudget } from "./config.ts";
