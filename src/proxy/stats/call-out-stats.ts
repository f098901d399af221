import type { StatsScope } from "../../telemetry/index.ts";

/** Scope `http.<stat_prefix>.jwt_authn`. */
export type JwtAuthnStats = ReturnType<typeof createJwtAuthnStats>;

export function createJwtAuthnStats(scope: StatsScope) {
	return {
		allowed: scope.counter("allowed"),
		cors_preflight_bypassed: scope.counter("cors_preflight_bypassed"),
		denied: scope.counter("denied"),
		jwks_fetch_failed: scope.counter("jwks_fetch_failed"),
		jwks_fetch_success: scope.counter("jwks_fetch_success"),
		jwt_cache_hit: scope.counter("jwt_cache_hit"),
		jwt_cache_miss: scope.counter("jwt_cache_miss"),
	};
}
