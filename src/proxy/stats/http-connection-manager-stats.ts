import type { StatsScope } from "../../telemetry/index.ts";

/** Statistics of one HTTP connection manager by its stat_prefix: connections and requests of its clients, its router, its tracing.
 *  Several connection managers of one prefix share them. Scope: `http.<stat_prefix>`. */
export interface HttpConnectionManagerStats {
	readonly downstream: DownstreamHttpStats;
	readonly router: RouterStats;
	readonly tracing: TracingStats;
}

/** `stats` is the root; closing the returned scope gives the names up. */
export function createHttpConnectionManagerStats(
	stats: StatsScope,
	statPrefix: string,
): HttpConnectionManagerStats & { readonly scope: StatsScope } {
	const scope = stats.scope(`http.${statPrefix}`);
	return {
		scope,
		downstream: createDownstreamHttpStats(scope),
		router: createRouterStats(scope),
		tracing: createTracingStats(scope.scope("tracing")),
	};
}

/** `http.<stat_prefix>.downstream_*`. */
export type DownstreamHttpStats = ReturnType<typeof createDownstreamHttpStats>;

export function createDownstreamHttpStats(scope: StatsScope) {
	return {
		downstream_cx_delayed_close_timeout: scope.counter("downstream_cx_delayed_close_timeout"),
		downstream_cx_destroy: scope.counter("downstream_cx_destroy"),
		downstream_cx_destroy_active_rq: scope.counter("downstream_cx_destroy_active_rq"),
		downstream_cx_destroy_local: scope.counter("downstream_cx_destroy_local"),
		downstream_cx_destroy_local_active_rq: scope.counter("downstream_cx_destroy_local_active_rq"),
		downstream_cx_destroy_remote: scope.counter("downstream_cx_destroy_remote"),
		downstream_cx_destroy_remote_active_rq: scope.counter("downstream_cx_destroy_remote_active_rq"),
		downstream_cx_drain_close: scope.counter("downstream_cx_drain_close"),
		downstream_cx_http1_total: scope.counter("downstream_cx_http1_total"),
		downstream_cx_http2_total: scope.counter("downstream_cx_http2_total"),
		downstream_cx_http3_total: scope.counter("downstream_cx_http3_total"),
		downstream_cx_idle_timeout: scope.counter("downstream_cx_idle_timeout"),
		downstream_cx_max_duration_reached: scope.counter("downstream_cx_max_duration_reached"),
		downstream_cx_max_requests_reached: scope.counter("downstream_cx_max_requests_reached"),
		downstream_cx_overload_disable_keepalive: scope.counter("downstream_cx_overload_disable_keepalive"),
		downstream_cx_protocol_error: scope.counter("downstream_cx_protocol_error"),
		downstream_cx_rx_bytes_total: scope.counter("downstream_cx_rx_bytes_total"),
		downstream_cx_ssl_total: scope.counter("downstream_cx_ssl_total"),
		downstream_cx_total: scope.counter("downstream_cx_total"),
		downstream_cx_tx_bytes_total: scope.counter("downstream_cx_tx_bytes_total"),
		downstream_cx_upgrades_total: scope.counter("downstream_cx_upgrades_total"),
		downstream_flow_control_paused_reading_total: scope.counter("downstream_flow_control_paused_reading_total"),
		downstream_flow_control_resumed_reading_total: scope.counter("downstream_flow_control_resumed_reading_total"),
		downstream_rq_1xx: scope.counter("downstream_rq_1xx"),
		downstream_rq_2xx: scope.counter("downstream_rq_2xx"),
		downstream_rq_3xx: scope.counter("downstream_rq_3xx"),
		downstream_rq_4xx: scope.counter("downstream_rq_4xx"),
		downstream_rq_5xx: scope.counter("downstream_rq_5xx"),
		downstream_rq_completed: scope.counter("downstream_rq_completed"),
		downstream_rq_failed_path_normalization: scope.counter("downstream_rq_failed_path_normalization"),
		downstream_rq_header_timeout: scope.counter("downstream_rq_header_timeout"),
		downstream_rq_http1_total: scope.counter("downstream_rq_http1_total"),
		downstream_rq_http2_total: scope.counter("downstream_rq_http2_total"),
		downstream_rq_http3_total: scope.counter("downstream_rq_http3_total"),
		downstream_rq_idle_timeout: scope.counter("downstream_rq_idle_timeout"),
		downstream_rq_max_duration_reached: scope.counter("downstream_rq_max_duration_reached"),
		downstream_rq_non_relative_path: scope.counter("downstream_rq_non_relative_path"),
		downstream_rq_overload_close: scope.counter("downstream_rq_overload_close"),
		downstream_rq_redirected_with_normalized_path: scope.counter("downstream_rq_redirected_with_normalized_path"),
		downstream_rq_rejected_via_ip_detection: scope.counter("downstream_rq_rejected_via_ip_detection"),
		downstream_rq_response_before_rq_complete: scope.counter("downstream_rq_response_before_rq_complete"),
		downstream_rq_rx_reset: scope.counter("downstream_rq_rx_reset"),
		downstream_rq_timeout: scope.counter("downstream_rq_timeout"),
		downstream_rq_too_large: scope.counter("downstream_rq_too_large"),
		downstream_rq_too_many_premature_resets: scope.counter("downstream_rq_too_many_premature_resets"),
		downstream_rq_total: scope.counter("downstream_rq_total"),
		downstream_rq_tx_reset: scope.counter("downstream_rq_tx_reset"),
		downstream_rq_ws_on_non_ws_route: scope.counter("downstream_rq_ws_on_non_ws_route"),
		rs_too_large: scope.counter("rs_too_large"),
		downstream_cx_active: scope.gauge("downstream_cx_active"),
		downstream_cx_http1_active: scope.gauge("downstream_cx_http1_active"),
		downstream_cx_http1_soft_drain: scope.gauge("downstream_cx_http1_soft_drain"),
		downstream_cx_http2_active: scope.gauge("downstream_cx_http2_active"),
		downstream_cx_http3_active: scope.gauge("downstream_cx_http3_active"),
		downstream_cx_rx_bytes_buffered: scope.gauge("downstream_cx_rx_bytes_buffered"),
		downstream_cx_ssl_active: scope.gauge("downstream_cx_ssl_active"),
		downstream_cx_tx_bytes_buffered: scope.gauge("downstream_cx_tx_bytes_buffered"),
		downstream_cx_upgrades_active: scope.gauge("downstream_cx_upgrades_active"),
		downstream_rq_active: scope.gauge("downstream_rq_active"),
		downstream_cx_length_ms: scope.histogram("downstream_cx_length_ms"),
		downstream_rq_time: scope.histogram("downstream_rq_time"),
	};
}

/** What the router counts before a cluster is known: `http.<stat_prefix>.*`. */
export type RouterStats = ReturnType<typeof createRouterStats>;

export function createRouterStats(scope: StatsScope) {
	return {
		no_cluster: scope.counter("no_cluster"),
		no_route: scope.counter("no_route"),
		passthrough_internal_redirect_bad_location: scope.counter("passthrough_internal_redirect_bad_location"),
		passthrough_internal_redirect_no_route: scope.counter("passthrough_internal_redirect_no_route"),
		passthrough_internal_redirect_predicate: scope.counter("passthrough_internal_redirect_predicate"),
		passthrough_internal_redirect_too_many_redirects: scope.counter("passthrough_internal_redirect_too_many_redirects"),
		passthrough_internal_redirect_unsafe_scheme: scope.counter("passthrough_internal_redirect_unsafe_scheme"),
		rq_direct_response: scope.counter("rq_direct_response"),
		rq_overload_local_reply: scope.counter("rq_overload_local_reply"),
		rq_redirect: scope.counter("rq_redirect"),
		rq_reset_after_downstream_response_started: scope.counter("rq_reset_after_downstream_response_started"),
		rq_total: scope.counter("rq_total"),
	};
}

/** Why requests were traced: `http.<stat_prefix>.tracing.*`. */
export type TracingStats = ReturnType<typeof createTracingStats>;

export function createTracingStats(scope: StatsScope) {
	return {
		client_enabled: scope.counter("client_enabled"),
		health_check: scope.counter("health_check"),
		not_traceable: scope.counter("not_traceable"),
		random_sampling: scope.counter("random_sampling"),
		service_forced: scope.counter("service_forced"),
	};
}

/** Answers by class for one connection manager of one listener: `listener.<address>.http.<stat_prefix>.*`. */
export type ListenerHttpStats = ReturnType<typeof createListenerHttpStats>;

export function createListenerHttpStats(scope: StatsScope) {
	return {
		downstream_rq_1xx: scope.counter("downstream_rq_1xx"),
		downstream_rq_2xx: scope.counter("downstream_rq_2xx"),
		downstream_rq_3xx: scope.counter("downstream_rq_3xx"),
		downstream_rq_4xx: scope.counter("downstream_rq_4xx"),
		downstream_rq_5xx: scope.counter("downstream_rq_5xx"),
		downstream_rq_completed: scope.counter("downstream_rq_completed"),
	};
}
