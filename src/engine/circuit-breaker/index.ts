/** Limits of what a cluster may have in flight, per priority. Spec: Envoy "circuit breaking". */
export type { CircuitBreakersConfig, CircuitBreakerThresholds, RetryBudget } from "./config.ts";
