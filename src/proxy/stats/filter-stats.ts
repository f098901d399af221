import type { StatsScope } from "../../telemetry/index.ts";

/** Scope `http.<stat_prefix>.fault`. */
export type FaultStats = ReturnType<typeof createFaultStats>;

export function createFaultStats(scope: StatsScope) {
	return {
		aborts_injected: scope.counter("aborts_injected"),
		delays_injected: scope.counter("delays_injected"),
		faults_overflow: scope.counter("faults_overflow"),
		response_rl_injected: scope.counter("response_rl_injected"),
		active_faults: scope.gauge("active_faults"),
	};
}

/** Scope `http.<stat_prefix>.rbac`, `<stat_prefix>.rbac` for the network filter; with a `rules_stat_prefix`, one part more. */
export type RbacStats = ReturnType<typeof createRbacStats>;

export function createRbacStats(scope: StatsScope) {
	return {
		allowed: scope.counter("allowed"),
		denied: scope.counter("denied"),
		shadow_allowed: scope.counter("shadow_allowed"),
		shadow_denied: scope.counter("shadow_denied"),
	};
}

/** Scope `http.<stat_prefix>.cors`. */
export type CorsStats = ReturnType<typeof createCorsStats>;

export function createCorsStats(scope: StatsScope) {
	return {
		origin_invalid: scope.counter("origin_invalid"),
		origin_valid: scope.counter("origin_valid"),
	};
}
