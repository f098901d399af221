import type { StatsScope } from "../../telemetry/index.ts";
import { createResponseCodeStats, type ResponseCodeStats } from "./response-code-stats.ts";

/** Statistics of one cluster. */
export interface ClusterStats {
	/** `cluster.<name>`; closing it gives up every name below. */
	readonly scope: StatsScope;
	/** `upstream_rq_completed` is counted by `responses.all`. */
	readonly upstream: UpstreamStats;
	/** `circuit_breakers.default.*` and `circuit_breakers.high.*`. */
	readonly circuitBreakers: { readonly default: CircuitBreakerStats; readonly high: CircuitBreakerStats };
	/** Answers by code, and times of answers. */
	readonly responses: ClusterResponseStats;
}

/** The answers of a cluster, by whom they were for. */
export interface ClusterResponseStats {
	/** Every answer: `upstream_rq_<code>`. */
	readonly all: ResponseCodeStats;
	/** Requests that came from within the mesh (`x-envoy-internal`) and the others. */
	readonly internal: ResponseCodeStats;
	readonly external: ResponseCodeStats;
	/** Answers of canary hosts. */
	readonly canary: ResponseCodeStats;
	/** Answers that were retried instead of being passed on. */
	readonly retry: ResponseCodeStats;
}

/** `name` is the cluster's alt_stat_name, else its name. */
export function createClusterStats(stats: StatsScope, name: string): ClusterStats {
	const scope = stats.scope(`cluster.${name}`);
	// Shown by Envoy for its transport socket matcher, zero without matches.
	scope.counter("default.total_match_count");
	return {
		scope,
		upstream: createUpstreamStats(scope),
		circuitBreakers: {
			default: createCircuitBreakerStats(scope.scope("circuit_breakers.default")),
			high: createCircuitBreakerStats(scope.scope("circuit_breakers.high")),
		},
		responses: {
			all: createResponseCodeStats(scope, "upstream_rq"),
			internal: createResponseCodeStats(scope, "internal.upstream_rq"),
			external: createResponseCodeStats(scope, "external.upstream_rq"),
			canary: createResponseCodeStats(scope, "canary.upstream_rq"),
			retry: createResponseCodeStats(scope, "retry.upstream_rq"),
		},
	};
}

/** The statistics of a cluster that its balancer counts in; those of subsets are shown where there are any. */
export function createBalancerStats(upstream: UpstreamStats, scope: StatsScope, hasSubsets: boolean) {
	const name = "lb_subsets_single_host_per_subset_duplicate";
	return { ...upstream, [name]: hasSubsets ? scope.gauge(name) : { value: 0 } };
}

/** Sizes of the table of a hash balancer; undefined for other balancers. */
export function createHashTableGauges(scope: StatsScope, balancer: string) {
	if (balancer === "ring-hash") {
		const ring = scope.scope("ring_hash_lb");
		return {
			size: ring.gauge("size"),
			minimum: ring.gauge("min_hashes_per_host"),
			maximum: ring.gauge("max_hashes_per_host"),
		};
	}
	if (balancer !== "maglev") return undefined;
	const table = scope.scope("maglev_lb");
	return {
		size: undefined,
		minimum: table.gauge("min_entries_per_host"),
		maximum: table.gauge("max_entries_per_host"),
	};
}

/** `cluster.<name>.*`. */
export type UpstreamStats = ReturnType<typeof createUpstreamStats>;

export function createUpstreamStats(scope: StatsScope) {
	return {
		assignment_stale: scope.counter("assignment_stale"),
		assignment_timeout_received: scope.counter("assignment_timeout_received"),
		assignment_use_cached: scope.counter("assignment_use_cached"),
		bind_errors: scope.counter("bind_errors"),
		lb_healthy_panic: scope.counter("lb_healthy_panic"),
		lb_local_cluster_not_ok: scope.counter("lb_local_cluster_not_ok"),
		lb_recalculate_zone_structures: scope.counter("lb_recalculate_zone_structures"),
		lb_subsets_created: scope.counter("lb_subsets_created"),
		lb_subsets_fallback: scope.counter("lb_subsets_fallback"),
		lb_subsets_fallback_panic: scope.counter("lb_subsets_fallback_panic"),
		lb_subsets_removed: scope.counter("lb_subsets_removed"),
		lb_subsets_selected: scope.counter("lb_subsets_selected"),
		lb_zone_cluster_too_small: scope.counter("lb_zone_cluster_too_small"),
		lb_zone_no_capacity_left: scope.counter("lb_zone_no_capacity_left"),
		lb_zone_routing_all_directly: scope.counter("lb_zone_routing_all_directly"),
		lb_zone_routing_cross_zone: scope.counter("lb_zone_routing_cross_zone"),
		lb_zone_routing_sampled: scope.counter("lb_zone_routing_sampled"),
		membership_change: scope.counter("membership_change"),
		original_dst_host_invalid: scope.counter("original_dst_host_invalid"),
		retry_or_shadow_abandoned: scope.counter("retry_or_shadow_abandoned"),
		update_attempt: scope.counter("update_attempt"),
		update_empty: scope.counter("update_empty"),
		update_failure: scope.counter("update_failure"),
		update_no_rebuild: scope.counter("update_no_rebuild"),
		update_success: scope.counter("update_success"),
		upstream_cx_close_notify: scope.counter("upstream_cx_close_notify"),
		upstream_cx_connect_attempts_exceeded: scope.counter("upstream_cx_connect_attempts_exceeded"),
		upstream_cx_connect_fail: scope.counter("upstream_cx_connect_fail"),
		upstream_cx_connect_timeout: scope.counter("upstream_cx_connect_timeout"),
		upstream_cx_connect_with_0_rtt: scope.counter("upstream_cx_connect_with_0_rtt"),
		upstream_cx_destroy: scope.counter("upstream_cx_destroy"),
		upstream_cx_destroy_local: scope.counter("upstream_cx_destroy_local"),
		upstream_cx_destroy_local_with_active_rq: scope.counter("upstream_cx_destroy_local_with_active_rq"),
		upstream_cx_destroy_remote: scope.counter("upstream_cx_destroy_remote"),
		upstream_cx_destroy_remote_with_active_rq: scope.counter("upstream_cx_destroy_remote_with_active_rq"),
		upstream_cx_destroy_with_active_rq: scope.counter("upstream_cx_destroy_with_active_rq"),
		upstream_cx_http1_total: scope.counter("upstream_cx_http1_total"),
		upstream_cx_http2_total: scope.counter("upstream_cx_http2_total"),
		upstream_cx_http3_total: scope.counter("upstream_cx_http3_total"),
		upstream_cx_idle_timeout: scope.counter("upstream_cx_idle_timeout"),
		upstream_cx_max_duration_reached: scope.counter("upstream_cx_max_duration_reached"),
		upstream_cx_max_requests: scope.counter("upstream_cx_max_requests"),
		upstream_cx_none_healthy: scope.counter("upstream_cx_none_healthy"),
		upstream_cx_overflow: scope.counter("upstream_cx_overflow"),
		upstream_cx_pool_overflow: scope.counter("upstream_cx_pool_overflow"),
		upstream_cx_preconnect_skipped: scope.counter("upstream_cx_preconnect_skipped"),
		upstream_cx_protocol_error: scope.counter("upstream_cx_protocol_error"),
		upstream_cx_rx_bytes_total: scope.counter("upstream_cx_rx_bytes_total"),
		upstream_cx_total: scope.counter("upstream_cx_total"),
		upstream_cx_tx_bytes_total: scope.counter("upstream_cx_tx_bytes_total"),
		upstream_flow_control_backed_up_total: scope.counter("upstream_flow_control_backed_up_total"),
		upstream_flow_control_drained_total: scope.counter("upstream_flow_control_drained_total"),
		upstream_flow_control_paused_reading_total: scope.counter("upstream_flow_control_paused_reading_total"),
		upstream_flow_control_resumed_reading_total: scope.counter("upstream_flow_control_resumed_reading_total"),
		upstream_http3_broken: scope.counter("upstream_http3_broken"),
		upstream_internal_redirect_failed_total: scope.counter("upstream_internal_redirect_failed_total"),
		upstream_internal_redirect_succeeded_total: scope.counter("upstream_internal_redirect_succeeded_total"),
		upstream_rq_0rtt: scope.counter("upstream_rq_0rtt"),
		upstream_rq_active_overflow: scope.counter("upstream_rq_active_overflow"),
		upstream_rq_cancelled: scope.counter("upstream_rq_cancelled"),
		upstream_rq_completed: scope.counter("upstream_rq_completed"),
		upstream_rq_maintenance_mode: scope.counter("upstream_rq_maintenance_mode"),
		upstream_rq_max_duration_reached: scope.counter("upstream_rq_max_duration_reached"),
		upstream_rq_pending_failure_eject: scope.counter("upstream_rq_pending_failure_eject"),
		upstream_rq_pending_overflow: scope.counter("upstream_rq_pending_overflow"),
		upstream_rq_pending_total: scope.counter("upstream_rq_pending_total"),
		upstream_rq_per_try_idle_timeout: scope.counter("upstream_rq_per_try_idle_timeout"),
		upstream_rq_per_try_timeout: scope.counter("upstream_rq_per_try_timeout"),
		upstream_rq_retry: scope.counter("upstream_rq_retry"),
		upstream_rq_retry_backoff_exponential: scope.counter("upstream_rq_retry_backoff_exponential"),
		upstream_rq_retry_backoff_ratelimited: scope.counter("upstream_rq_retry_backoff_ratelimited"),
		upstream_rq_retry_limit_exceeded: scope.counter("upstream_rq_retry_limit_exceeded"),
		upstream_rq_retry_overflow: scope.counter("upstream_rq_retry_overflow"),
		upstream_rq_retry_success: scope.counter("upstream_rq_retry_success"),
		upstream_rq_rx_reset: scope.counter("upstream_rq_rx_reset"),
		upstream_rq_rx_reset_no_error: scope.counter("upstream_rq_rx_reset_no_error"),
		upstream_rq_timeout: scope.counter("upstream_rq_timeout"),
		upstream_rq_total: scope.counter("upstream_rq_total"),
		upstream_rq_tx_reset: scope.counter("upstream_rq_tx_reset"),
		lb_subsets_active: scope.gauge("lb_subsets_active"),
		max_host_weight: scope.gauge("max_host_weight"),
		membership_degraded: scope.gauge("membership_degraded"),
		membership_excluded: scope.gauge("membership_excluded"),
		membership_healthy: scope.gauge("membership_healthy"),
		membership_total: scope.gauge("membership_total"),
		upstream_cx_active: scope.gauge("upstream_cx_active"),
		upstream_cx_rx_bytes_buffered: scope.gauge("upstream_cx_rx_bytes_buffered"),
		upstream_cx_tx_bytes_buffered: scope.gauge("upstream_cx_tx_bytes_buffered"),
		upstream_queue_overloaded: scope.gauge("upstream_queue_overloaded"),
		upstream_rq_active: scope.gauge("upstream_rq_active"),
		upstream_rq_pending_active: scope.gauge("upstream_rq_pending_active"),
		version: scope.gauge("version"),
		warming_state: scope.gauge("warming_state"),
		upstream_cx_connect_ms: scope.histogram("upstream_cx_connect_ms"),
		upstream_cx_length_ms: scope.histogram("upstream_cx_length_ms"),
		upstream_rq_per_cx: scope.histogram("upstream_rq_per_cx"),
	};
}

/** Whether a priority is at a limit (1) or not (0): `cluster.<name>.circuit_breakers.<priority>.*`. */
export type CircuitBreakerStats = ReturnType<typeof createCircuitBreakerStats>;

export function createCircuitBreakerStats(scope: StatsScope) {
	return {
		cx_open: scope.gauge("cx_open"),
		cx_pool_open: scope.gauge("cx_pool_open"),
		rq_open: scope.gauge("rq_open"),
		rq_pending_open: scope.gauge("rq_pending_open"),
		rq_retry_open: scope.gauge("rq_retry_open"),
	};
}

/** What is left below the limits, with `track_remaining`: `cluster.<name>.circuit_breakers.<priority>.*`. */
export type RemainingStats = ReturnType<typeof createRemainingStats>;

export function createRemainingStats(scope: StatsScope) {
	return {
		remaining_cx: scope.gauge("remaining_cx"),
		remaining_cx_pools: scope.gauge("remaining_cx_pools"),
		remaining_pending: scope.gauge("remaining_pending"),
		remaining_retries: scope.gauge("remaining_retries"),
		remaining_rq: scope.gauge("remaining_rq"),
	};
}

/** Scope `cluster.<name>.outlier_detection`. */
export type OutlierDetectionStats = ReturnType<typeof createOutlierDetectionStats>;

export function createOutlierDetectionStats(scope: StatsScope) {
	return {
		ejections_consecutive_5xx: scope.counter("ejections_consecutive_5xx"),
		ejections_detected_consecutive_5xx: scope.counter("ejections_detected_consecutive_5xx"),
		ejections_detected_consecutive_gateway_failure: scope.counter("ejections_detected_consecutive_gateway_failure"),
		ejections_detected_consecutive_local_origin_failure: scope.counter(
			"ejections_detected_consecutive_local_origin_failure",
		),
		ejections_detected_degradation: scope.counter("ejections_detected_degradation"),
		ejections_detected_failure_percentage: scope.counter("ejections_detected_failure_percentage"),
		ejections_detected_local_origin_failure_percentage: scope.counter(
			"ejections_detected_local_origin_failure_percentage",
		),
		ejections_detected_local_origin_success_rate: scope.counter("ejections_detected_local_origin_success_rate"),
		ejections_detected_success_rate: scope.counter("ejections_detected_success_rate"),
		ejections_enforced_consecutive_5xx: scope.counter("ejections_enforced_consecutive_5xx"),
		ejections_enforced_consecutive_gateway_failure: scope.counter("ejections_enforced_consecutive_gateway_failure"),
		ejections_enforced_consecutive_local_origin_failure: scope.counter(
			"ejections_enforced_consecutive_local_origin_failure",
		),
		ejections_enforced_failure_percentage: scope.counter("ejections_enforced_failure_percentage"),
		ejections_enforced_local_origin_failure_percentage: scope.counter(
			"ejections_enforced_local_origin_failure_percentage",
		),
		ejections_enforced_local_origin_success_rate: scope.counter("ejections_enforced_local_origin_success_rate"),
		ejections_enforced_success_rate: scope.counter("ejections_enforced_success_rate"),
		ejections_enforced_total: scope.counter("ejections_enforced_total"),
		ejections_overflow: scope.counter("ejections_overflow"),
		ejections_success_rate: scope.counter("ejections_success_rate"),
		ejections_total: scope.counter("ejections_total"),
		ejections_active: scope.gauge("ejections_active"),
	};
}

/** Scope `cluster.<name>.health_check`. */
export type HealthCheckStats = ReturnType<typeof createHealthCheckStats>;

export function createHealthCheckStats(scope: StatsScope) {
	return {
		attempt: scope.counter("attempt"),
		failure: scope.counter("failure"),
		network_failure: scope.counter("network_failure"),
		passive_failure: scope.counter("passive_failure"),
		success: scope.counter("success"),
		verify_cluster: scope.counter("verify_cluster"),
		degraded: scope.gauge("degraded"),
		healthy: scope.gauge("healthy"),
	};
}

/** Counts of one endpoint: `cluster.<name>.endpoint.<address>.*`. */
export function createEndpointStats(scope: StatsScope, address: string) {
	const endpoint = scope.scope(`endpoint.${address.replaceAll(":", "_")}`);
	return {
		cx_active: endpoint.gauge("cx_active"),
		cx_connect_fail: endpoint.counter("cx_connect_fail"),
		cx_total: endpoint.counter("cx_total"),
		rq_active: endpoint.gauge("rq_active"),
		rq_pending_active: endpoint.gauge("rq_pending_active"),
		rq_error: endpoint.counter("rq_error"),
		rq_success: endpoint.counter("rq_success"),
		rq_timeout: endpoint.counter("rq_timeout"),
		rq_total: endpoint.counter("rq_total"),
	};
}

/** What clusters measure when they are asked to: `track_cluster_stats`. */
export interface ClusterMeasures {
	readonly budgets: TimeoutBudgetStats | undefined;
	readonly sizes: MessageSizeStats | undefined;
}

/** `cluster.<name>.*` with `timeout_budgets`. */
export type TimeoutBudgetStats = ReturnType<typeof createTimeoutBudgetStats>;

export function createTimeoutBudgetStats(scope: StatsScope) {
	return {
		upstream_rq_timeout_budget_percent_used: scope.histogram("upstream_rq_timeout_budget_percent_used"),
		upstream_rq_timeout_budget_per_try_percent_used: scope.histogram("upstream_rq_timeout_budget_per_try_percent_used"),
	};
}

/** `cluster.<name>.*` with `request_response_sizes`. */
export type MessageSizeStats = ReturnType<typeof createMessageSizeStats>;

export function createMessageSizeStats(scope: StatsScope) {
	return {
		upstream_rq_headers_size: scope.histogram("upstream_rq_headers_size"),
		upstream_rq_headers_count: scope.histogram("upstream_rq_headers_count"),
		upstream_rq_body_size: scope.histogram("upstream_rq_body_size"),
		upstream_rs_headers_size: scope.histogram("upstream_rs_headers_size"),
		upstream_rs_headers_count: scope.histogram("upstream_rs_headers_count"),
		upstream_rs_body_size: scope.histogram("upstream_rs_body_size"),
	};
}

/** Whether one endpoint is healthy: `cluster.<name>.endpoint.<address>.healthy`. */
export function createEndpointHealth(scope: StatsScope, address: string) {
	return scope.gauge(`endpoint.${address.replaceAll(":", "_")}.healthy`);
}

/** `cluster.<name>.health_check` of a cluster with several checks, each of which has statistics of its own. */
export type CheckedGauges = ReturnType<typeof createCheckedGauges>;

export function createCheckedGauges(scope: StatsScope) {
	const checks = scope.scope("health_check");
	return { degraded: checks.gauge("degraded"), healthy: checks.gauge("healthy") };
}

/** Scope `vhost.<virtual host>.vcluster.<name>` or `vhost.<virtual host>.route.<stat_prefix>`. */
export type VirtualClusterStats = ReturnType<typeof createVirtualClusterStats>;

export function createVirtualClusterStats(scope: StatsScope) {
	return {
		upstream_rq_retry: scope.counter("upstream_rq_retry"),
		upstream_rq_retry_limit_exceeded: scope.counter("upstream_rq_retry_limit_exceeded"),
		upstream_rq_retry_overflow: scope.counter("upstream_rq_retry_overflow"),
		upstream_rq_retry_success: scope.counter("upstream_rq_retry_success"),
		upstream_rq_timeout: scope.counter("upstream_rq_timeout"),
		upstream_rq_total: scope.counter("upstream_rq_total"),
		responses: createResponseCodeStats(scope, "upstream_rq"),
	};
}

/** `dns_cache.<name>.*`: the names of a dynamic forward proxy. */
export type DnsCacheStats = ReturnType<typeof createDnsCacheStats>;

export function createDnsCacheStats(scope: StatsScope, maxPendingRequests: number) {
	scope.gauge("circuit_breakers.rq_pending_open");
	scope.gauge("circuit_breakers.rq_pending_remaining").value = maxPendingRequests;
	return {
		cache_load: scope.counter("cache_load"),
		dns_address_filter_out: scope.counter("dns_address_filter_out"),
		dns_query_attempt: scope.counter("dns_query_attempt"),
		dns_query_failure: scope.counter("dns_query_failure"),
		dns_query_success: scope.counter("dns_query_success"),
		dns_query_timeout: scope.counter("dns_query_timeout"),
		dns_rq_pending_overflow: scope.counter("dns_rq_pending_overflow"),
		host_added: scope.counter("host_added"),
		host_address_changed: scope.counter("host_address_changed"),
		host_overflow: scope.counter("host_overflow"),
		host_removed: scope.counter("host_removed"),
		num_hosts: scope.gauge("num_hosts"),
	};
}
