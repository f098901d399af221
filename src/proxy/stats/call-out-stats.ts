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
		denied: scope.counter("denied"),
		disabled: scope.counter("disabled"),
		error: scope.counter("error"),
		failure_mode_allowed: scope.counter("failure_mode_allowed"),
		filter_state_name_collision: scope.counter("filter_state_name_collision"),
		ignored_dynamic_metadata: scope.counter("ignored_dynamic_metadata"),
		invalid: scope.counter("invalid"),
		ok: scope.counter("ok"),
		omitted_response_headers: scope.counter("omitted_response_headers"),
		request_header_limits_reached: scope.counter("request_header_limits_reached"),
		response_header_limits_reached: scope.counter("response_header_limits_reached"),
		shadow_denied: scope.counter("shadow_denied"),
		shadow_error: scope.counter("shadow_error"),
	};
}

/** Counters of a filter for the clusters that its requests go to; each is there from its first event on. Scope
 *  `cluster.<name>.ext_authz` or `cluster.<name>.ratelimit`. */
export function countForCluster<Event extends string>(clusterScope: StatsScope, part: string, event: Event): void {
	clusterScope.scope(part).counter(event).value++;
}

/** Scope `http.<stat_prefix>.ext_proc`. */
export type ExtProcStats = ReturnType<typeof createExtProcStats>;

export function createExtProcStats(scope: StatsScope) {
	return {
		clear_route_cache_disabled: scope.counter("clear_route_cache_disabled"),
		clear_route_cache_ignored: scope.counter("clear_route_cache_ignored"),
		clear_route_cache_upstream_ignored: scope.counter("clear_route_cache_upstream_ignored"),
		failure_mode_allowed: scope.counter("failure_mode_allowed"),
		http_not_ok_resp_received: scope.counter("http_not_ok_resp_received"),
		immediate_responses_sent: scope.counter("immediate_responses_sent"),
		message_timeouts: scope.counter("message_timeouts"),
		override_message_timeout_ignored: scope.counter("override_message_timeout_ignored"),
		override_message_timeout_received: scope.counter("override_message_timeout_received"),
		rejected_header_mutations: scope.counter("rejected_header_mutations"),
		server_half_closed: scope.counter("server_half_closed"),
		spurious_msgs_received: scope.counter("spurious_msgs_received"),
		stream_msgs_received: scope.counter("stream_msgs_received"),
		stream_msgs_sent: scope.counter("stream_msgs_sent"),
		streams_closed: scope.counter("streams_closed"),
		streams_failed: scope.counter("streams_failed"),
		streams_started: scope.counter("streams_started"),
	};
}
