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

/** Scope `http.<stat_prefix>.ext_authz`. */
export type ExtAuthzStats = ReturnType<typeof createExtAuthzStats>;

export function createExtAuthzStats(scope: StatsScope) {
	return {
		...createExtAuthzClusterStats(scope),
		disabled: scope.counter("disabled"),
		ignored_dynamic_metadata: scope.counter("ignored_dynamic_metadata"),
		invalid: scope.counter("invalid"),
	};
}

/** Scope `cluster.<name>.ext_authz`: of the cluster that the request would go to. */
export type ExtAuthzClusterStats = ReturnType<typeof createExtAuthzClusterStats>;

export function createExtAuthzClusterStats(scope: StatsScope) {
	return {
		denied: scope.counter("denied"),
		error: scope.counter("error"),
		failure_mode_allowed: scope.counter("failure_mode_allowed"),
		ok: scope.counter("ok"),
	};
}

/** Scope `cluster.<name>.ratelimit`: of the cluster that the request would go to. */
export type RateLimitStats = ReturnType<typeof createRateLimitStats>;

export function createRateLimitStats(scope: StatsScope) {
	return {
		error: scope.counter("error"),
		failure_mode_allowed: scope.counter("failure_mode_allowed"),
		ok: scope.counter("ok"),
		over_limit: scope.counter("over_limit"),
	};
}
