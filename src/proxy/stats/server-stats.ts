import type { StatsScope } from "../../telemetry/index.ts";

/** The process: scope `server`. */
export type ServerStats = ReturnType<typeof createServerStats>;

export function createServerStats(scope: StatsScope) {
	return {
		debug_assertion_failures: scope.counter("debug_assertion_failures"),
		dropped_stat_flushes: scope.counter("dropped_stat_flushes"),
		dynamic_unknown_fields: scope.counter("dynamic_unknown_fields"),
		envoy_bug_failures: scope.counter("envoy_bug_failures"),
		envoy_notifications: scope.counter("envoy_notifications"),
		main_thread_watchdog_mega_miss: scope.counter("main_thread.watchdog_mega_miss"),
		main_thread_watchdog_miss: scope.counter("main_thread.watchdog_miss"),
		static_unknown_fields: scope.counter("static_unknown_fields"),
		wip_protos: scope.counter("wip_protos"),
		compilation_settings_fips_mode: scope.gauge("compilation_settings.fips_mode"),
		concurrency: scope.gauge("concurrency"),
		days_until_first_cert_expiring: scope.gauge("days_until_first_cert_expiring"),
		hot_restart_epoch: scope.gauge("hot_restart_epoch"),
		live: scope.gauge("live"),
		memory_allocated: scope.gauge("memory_allocated"),
		memory_heap_size: scope.gauge("memory_heap_size"),
		memory_physical_size: scope.gauge("memory_physical_size"),
		parent_connections: scope.gauge("parent_connections"),
		seconds_until_first_ocsp_response_expiring: scope.gauge("seconds_until_first_ocsp_response_expiring"),
		state: scope.gauge("state"),
		stats_recent_lookups: scope.gauge("stats_recent_lookups"),
		total_connections: scope.gauge("total_connections"),
		uptime: scope.gauge("uptime"),
		version: scope.gauge("version"),
		initialization_time_ms: scope.histogram("initialization_time_ms"),
	};
}

/** A process that another can take over from: scope `server`. */
export function createHotRestartStats(scope: StatsScope) {
	return { hot_restart_generation: scope.gauge("hot_restart_generation") };
}

/** Scope `runtime`. */
export type RuntimeStats = ReturnType<typeof createRuntimeStats>;

export function createRuntimeStats(scope: StatsScope) {
	return {
		deprecated_feature_use: scope.counter("deprecated_feature_use"),
		load_error: scope.counter("load_error"),
		load_success: scope.counter("load_success"),
		override_dir_exists: scope.counter("override_dir_exists"),
		override_dir_not_exists: scope.counter("override_dir_not_exists"),
		admin_overrides_active: scope.gauge("admin_overrides_active"),
		deprecated_feature_seen_since_process_start: scope.gauge("deprecated_feature_seen_since_process_start"),
		num_keys: scope.gauge("num_keys"),
		num_layers: scope.gauge("num_layers"),
	};
}

/** Scope `listener_manager`. */
export type ListenerManagerStats = ReturnType<typeof createListenerManagerStats>;

export function createListenerManagerStats(scope: StatsScope) {
	return {
		listener_added: scope.counter("listener_added"),
		listener_create_failure: scope.counter("listener_create_failure"),
		listener_create_success: scope.counter("listener_create_success"),
		listener_in_place_updated: scope.counter("listener_in_place_updated"),
		listener_modified: scope.counter("listener_modified"),
		listener_removed: scope.counter("listener_removed"),
		listener_stopped: scope.counter("listener_stopped"),
		total_filter_chains_draining: scope.gauge("total_filter_chains_draining"),
		total_listeners_active: scope.gauge("total_listeners_active"),
		total_listeners_draining: scope.gauge("total_listeners_draining"),
		total_listeners_warming: scope.gauge("total_listeners_warming"),
		workers_pinned: scope.gauge("workers_pinned"),
		workers_started: scope.gauge("workers_started"),
	};
}

/** Scope `cluster_manager`. */
export type ClusterManagerStats = ReturnType<typeof createClusterManagerStats>;

export function createClusterManagerStats(scope: StatsScope) {
	return {
		cluster_added: scope.counter("cluster_added"),
		cluster_modified: scope.counter("cluster_modified"),
		cluster_removed: scope.counter("cluster_removed"),
		cluster_updated: scope.counter("cluster_updated"),
		cluster_updated_via_merge: scope.counter("cluster_updated_via_merge"),
		update_merge_cancelled: scope.counter("update_merge_cancelled"),
		update_out_of_merge_window: scope.counter("update_out_of_merge_window"),
		active_clusters: scope.gauge("active_clusters"),
		warming_clusters: scope.gauge("warming_clusters"),
	};
}

/** What is told of load, and what is asked: scope `load_reporter`. */
export function createLoadReporterStats(scope: StatsScope) {
	return {
		errors: scope.counter("errors"),
		requests: scope.counter("requests"),
		responses: scope.counter("responses"),
		retries: scope.counter("retries"),
	};
}

/** The discovery stream: scope `control_plane`, or that of a source of its own, e.g. `cluster.<name>.control_plane`. */
export type ControlPlaneStats = ReturnType<typeof createControlPlaneStats>;

export function createControlPlaneStats(scope: StatsScope) {
	return {
		rate_limit_enforced: scope.counter("rate_limit_enforced"),
		connected_state: scope.gauge("connected_state"),
		pending_requests: scope.gauge("pending_requests"),
		identifier: scope.text("identifier"),
	};
}

/** Name resolution: scope `dns.cares`. */
export type DnsStats = ReturnType<typeof createDnsStats>;

export function createDnsStats(scope: StatsScope) {
	return {
		get_addr_failure: scope.counter("get_addr_failure"),
		not_found: scope.counter("not_found"),
		reinits: scope.counter("reinits"),
		resolve_total: scope.counter("resolve_total"),
		timeouts: scope.counter("timeouts"),
		pending_resolutions: scope.gauge("pending_resolutions"),
	};
}

/** Files of access logs: scope `filesystem`. */
export type FilesystemStats = ReturnType<typeof createFilesystemStats>;

export function createFilesystemStats(scope: StatsScope) {
	return {
		flushed_by_timer: scope.counter("flushed_by_timer"),
		reopen_failed: scope.counter("reopen_failed"),
		write_buffered: scope.counter("write_buffered"),
		write_completed: scope.counter("write_completed"),
		// Our own: entries dropped because the log's reader is too slow.
		write_dropped: scope.counter("write_dropped"),
		write_failed: scope.counter("write_failed"),
		write_total_buffered: scope.gauge("write_total_buffered"),
	};
}

/** Scopes `main_thread`, `workers` and `server.worker_<id>`. */
export type WatchdogStats = ReturnType<typeof createWatchdogStats>;

export function createWatchdogStats(scope: StatsScope) {
	return {
		watchdog_mega_miss: scope.counter("watchdog_mega_miss"),
		watchdog_miss: scope.counter("watchdog_miss"),
	};
}
