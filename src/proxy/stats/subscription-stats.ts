import type { Counter, Gauge, Histogram, StatsScope, TextReadout } from "../../telemetry/index.ts";

/** Statistics of one subscription to resources. */
export interface SubscriptionStats {
	readonly update_attempt: Counter;
	readonly update_success: Counter;
	readonly update_failure: Counter;
	readonly update_rejected: Counter;
	readonly init_fetch_timeout: Counter;
	/** Milliseconds since the Unix epoch of the last accepted update. */
	readonly update_time: Gauge;
	/** A hash of the accepted version. */
	readonly version: Gauge;
	readonly version_text: TextReadout;
	readonly update_duration: Histogram;
}

/** Statistics of clusters and routes, which tell when they changed last. */
export interface ReloadStats extends SubscriptionStats {
	readonly config_reload: Counter;
	readonly config_reload_time_ms: Gauge;
}

/** Statistics of routes. */
export interface RouteSubscriptionStats extends ReloadStats, EmptyStats {}

/** Statistics of configurations of filters. */
export interface ExtensionSubscriptionStats extends SubscriptionStats {
	readonly config_reload: Counter;
	/** Of filters of HTTP. */
	readonly config_reload_time_ms?: Gauge;
	readonly config_fail: Counter;
	readonly config_conflict: Counter;
}

/** Statistics of scopes of routes. */
export interface ScopedRouteSubscriptionStats extends RouteSubscriptionStats {
	readonly all_scopes: Gauge;
	readonly active_scopes: Gauge;
	readonly on_demand_scopes: Gauge;
}

/** Statistics of endpoints, beside those that a cluster has itself. */
export interface EndpointSubscriptionStats extends SubscriptionStats, EmptyStats {}

/** Of a subscription whose answer may say nothing of the resource. */
export interface EmptyStats {
	readonly update_empty: Counter;
}

/** `scope` is `listener_manager.lds`, `cluster_manager.cds`, `cluster.<name>` (EDS) or `sds.<secret>`. */
export function createSubscriptionStats(scope: StatsScope): SubscriptionStats {
	return {
		update_attempt: scope.counter("update_attempt"),
		update_success: scope.counter("update_success"),
		update_failure: scope.counter("update_failure"),
		update_rejected: scope.counter("update_rejected"),
		init_fetch_timeout: scope.counter("init_fetch_timeout"),
		update_time: scope.gauge("update_time"),
		version: scope.gauge("version"),
		version_text: scope.text("version_text"),
		update_duration: scope.histogram("update_duration"),
	};
}

/** `scope` is `sds.<secret>`. */
export function createSecretSubscriptionStats(scope: StatsScope): SubscriptionStats & { key_rotation_failed: Counter } {
	return { ...createSubscriptionStats(scope), key_rotation_failed: scope.counter("key_rotation_failed") };
}

/** `scope` is `cluster_manager.cds`. */
export function createReloadStats(scope: StatsScope): ReloadStats {
	return {
		...createSubscriptionStats(scope),
		config_reload: scope.counter("config_reload"),
		config_reload_time_ms: scope.gauge("config_reload_time_ms"),
	};
}

/** `scope` is `http.<stat_prefix>.rds.<route configuration>`. */
export function createRouteSubscriptionStats(scope: StatsScope): RouteSubscriptionStats {
	return { ...createReloadStats(scope), update_empty: scope.counter("update_empty") };
}

/** `scope` is `cluster.<name>`. */
export function createEndpointSubscriptionStats(scope: StatsScope): EndpointSubscriptionStats {
	return { ...createSubscriptionStats(scope), update_empty: scope.counter("update_empty") };
}

/** `scope` is `extension_config_discovery.http_filter.<filter>`. */
export function createExtensionSubscriptionStats(scope: StatsScope): ExtensionSubscriptionStats {
	return {
		...createConnectionExtensionSubscriptionStats(scope),
		config_reload_time_ms: scope.gauge("config_reload_time_ms"),
	};
}

/** `scope` is `extension_config_discovery.network_filter.<filter>`, or `tcp_listener_filter`. */
export function createConnectionExtensionSubscriptionStats(scope: StatsScope): ExtensionSubscriptionStats {
	return {
		...createSubscriptionStats(scope),
		config_reload: scope.counter("config_reload"),
		config_fail: scope.counter("config_fail"),
		config_conflict: scope.counter("config_conflict"),
	};
}

/** `scope` is `http.<stat_prefix>.scoped_rds.<scoped routes>`. */
export function createScopedRouteSubscriptionStats(scope: StatsScope): ScopedRouteSubscriptionStats {
	return {
		...createRouteSubscriptionStats(scope),
		all_scopes: scope.gauge("all_scopes"),
		active_scopes: scope.gauge("active_scopes"),
		on_demand_scopes: scope.gauge("on_demand_scopes"),
	};
}
