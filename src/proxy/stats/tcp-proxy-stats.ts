import type { StatsScope } from "../../telemetry/index.ts";
import { createRouterStats } from "./http-connection-manager-stats.ts";

/** `stats` is the root. */
export function createTcpProxyStats(
	stats: StatsScope,
	statPrefix: string,
	hasTunnels = false,
): TcpProxyStats & { readonly scope: StatsScope } {
	const scope = stats.scope(`tcp.${statPrefix}`);
	// A router's counters, which are there for tunnels and never move.
	if (hasTunnels) createRouterStats(scope.scope("tcpproxy_tunneling"));
	return { ...createTcpProxyCounters(scope), scope };
}

/** What a TCP proxy counts beside that of clusters that it asks for; `scope` is the same. */
export function createOnDemandStats(scope: StatsScope) {
	return {
		on_demand_cluster_attempt: scope.counter("on_demand_cluster_attempt"),
		on_demand_cluster_missing: scope.counter("on_demand_cluster_missing"),
		on_demand_cluster_success: scope.counter("on_demand_cluster_success"),
		on_demand_cluster_timeout: scope.counter("on_demand_cluster_timeout"),
	};
}

export type OnDemandStats = ReturnType<typeof createOnDemandStats>;

/** `tcp.<stat_prefix>.*`. */
export type TcpProxyStats = ReturnType<typeof createTcpProxyCounters>;

export function createTcpProxyCounters(scope: StatsScope) {
	return {
		downstream_cx_drain_close: scope.counter("downstream_cx_drain_close"),
		downstream_cx_no_route: scope.counter("downstream_cx_no_route"),
		downstream_cx_overload_close: scope.counter("downstream_cx_overload_close"),
		downstream_cx_rx_bytes_total: scope.counter("downstream_cx_rx_bytes_total"),
		downstream_cx_total: scope.counter("downstream_cx_total"),
		downstream_cx_tx_bytes_total: scope.counter("downstream_cx_tx_bytes_total"),
		downstream_flow_control_paused_reading_total: scope.counter("downstream_flow_control_paused_reading_total"),
		downstream_flow_control_resumed_reading_total: scope.counter("downstream_flow_control_resumed_reading_total"),
		early_data_received_count_total: scope.counter("early_data_received_count_total"),
		idle_timeout: scope.counter("idle_timeout"),
		max_downstream_connection_duration: scope.counter("max_downstream_connection_duration"),
		route_delayed_total: scope.counter("route_delayed_total"),
		upstream_flush_total: scope.counter("upstream_flush_total"),
		downstream_cx_rx_bytes_buffered: scope.gauge("downstream_cx_rx_bytes_buffered"),
		downstream_cx_tx_bytes_buffered: scope.gauge("downstream_cx_tx_bytes_buffered"),
		upstream_flush_active: scope.gauge("upstream_flush_active"),
	};
}
