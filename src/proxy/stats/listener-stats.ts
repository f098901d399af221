import type { StatsScope } from "../../telemetry/index.ts";

/** Statistics of one listener. */
export interface ListenerStats {
	readonly scope: StatsScope;
	readonly connections: ListenerConnectionStats;
	readonly extensions: ListenerExtensionStats;
	/** `listener.<address>.worker_0.*`: the part of each worker. */
	readonly worker: ListenerWorkerStats;
}

/** `name` is the listener's stat_prefix, else its address as `127.0.0.1_80` (`[__1]_80` for IPv6). */
export function createListenerStats(stats: StatsScope, name: string, worker = 0): ListenerStats {
	const scope = stats.scope(`listener.${name}`);
	return {
		scope,
		connections: createListenerConnectionStats(scope),
		extensions: createListenerExtensionStats(scope),
		worker: createListenerWorkerStats(scope.scope(`worker_${worker}`)),
	};
}

/** `listener.<address>.*`. */
export type ListenerConnectionStats = ReturnType<typeof createListenerConnectionStats>;

export function createListenerConnectionStats(scope: StatsScope) {
	return {
		downstream_cx_destroy: scope.counter("downstream_cx_destroy"),
		downstream_cx_overflow: scope.counter("downstream_cx_overflow"),
		downstream_cx_overload_reject: scope.counter("downstream_cx_overload_reject"),
		downstream_cx_total: scope.counter("downstream_cx_total"),
		downstream_cx_transport_socket_connect_timeout: scope.counter("downstream_cx_transport_socket_connect_timeout"),
		downstream_global_cx_overflow: scope.counter("downstream_global_cx_overflow"),
		downstream_listener_filter_error: scope.counter("downstream_listener_filter_error"),
		downstream_listener_filter_remote_close: scope.counter("downstream_listener_filter_remote_close"),
		downstream_pre_cx_timeout: scope.counter("downstream_pre_cx_timeout"),
		no_filter_chain_match: scope.counter("no_filter_chain_match"),
		downstream_cx_active: scope.gauge("downstream_cx_active"),
		downstream_pre_cx_active: scope.gauge("downstream_pre_cx_active"),
		connections_accepted_per_socket_event: scope.histogram("connections_accepted_per_socket_event"),
		downstream_cx_length_ms: scope.histogram("downstream_cx_length_ms"),
	};
}

/** `listener.<address>.*` of listeners that configuration makes: all but the admin port. */
export type ListenerExtensionStats = ReturnType<typeof createListenerExtensionStats>;

export function createListenerExtensionStats(scope: StatsScope) {
	return {
		extension_config_missing: scope.counter("extension_config_missing"),
		network_extension_config_missing: scope.counter("network_extension_config_missing"),
	};
}

/** `listener.<address>.worker_<id>.*`. */
export type ListenerWorkerStats = ReturnType<typeof createListenerWorkerStats>;

export function createListenerWorkerStats(scope: StatsScope) {
	return {
		downstream_cx_total: scope.counter("downstream_cx_total"),
		downstream_cx_active: scope.gauge("downstream_cx_active"),
	};
}

/** What the TLS inspector saw in first bytes, of all listeners: scope `tls_inspector`. */
export type TlsInspectorStats = ReturnType<typeof createTlsInspectorStats>;

export function createTlsInspectorStats(scope: StatsScope) {
	return {
		alpn_found: scope.counter("alpn_found"),
		alpn_not_found: scope.counter("alpn_not_found"),
		client_hello_too_large: scope.counter("client_hello_too_large"),
		sni_found: scope.counter("sni_found"),
		sni_not_found: scope.counter("sni_not_found"),
		tls_found: scope.counter("tls_found"),
		tls_not_found: scope.counter("tls_not_found"),
		bytes_processed: scope.histogram("bytes_processed"),
	};
}
