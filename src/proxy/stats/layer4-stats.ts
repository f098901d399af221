import type { Counter, StatsScope } from "../../telemetry/index.ts";

/** What the HTTP inspector saw in first bytes, of all listeners: scope `http_inspector`. */
export type HttpInspectorStats = ReturnType<typeof createHttpInspectorStats>;

export function createHttpInspectorStats(scope: StatsScope) {
	return {
		http10_found: scope.counter("http10_found"),
		http11_found: scope.counter("http11_found"),
		http2_found: scope.counter("http2_found"),
		http_not_found: scope.counter("http_not_found"),
		read_error: scope.counter("read_error"),
	};
}

/** PROXY headers of one version: `proxy_proto.versions.v1.*`. */
export interface ProxyVersionStats {
	readonly found: Counter;
	readonly disallowed: Counter;
	readonly error: Counter;
}

/** PROXY headers, of all listeners: `proxy_proto.*`, or `proxy_proto.<stat_prefix>.*`. */
export interface ProxyProtocolStats {
	readonly not_found_allowed: Counter;
	readonly not_found_disallowed: Counter;
	/** Of the whole process, without a scope. */
	readonly downstream_cx_proxy_proto_error: Counter;
	version(version: 1 | 2): ProxyVersionStats;
}

/** `root` is the root of all statistics. */
export function createProxyProtocolStats(root: StatsScope, statPrefix: string): ProxyProtocolStats {
	const scope = root.scope(statPrefix === "" ? "proxy_proto" : `proxy_proto.${statPrefix}`);
	const versions = [1, 2].map((version): ProxyVersionStats => {
		const one = scope.scope(`versions.v${version}`);
		return { found: one.counter("found"), disallowed: one.counter("disallowed"), error: one.counter("error") };
	});
	return {
		not_found_allowed: scope.counter("not_found_allowed"),
		not_found_disallowed: scope.counter("not_found_disallowed"),
		downstream_cx_proxy_proto_error: root.counter("downstream_cx_proxy_proto_error"),
		version: (version) => versions[version - 1]!,
	};
}

/** Scope `local_rate_limit.<stat_prefix>` in a filter chain, `listener_local_ratelimit.<stat_prefix>` at a listener. */
export type ConnectionRateLimitStats = ReturnType<typeof createConnectionRateLimitStats>;

export function createConnectionRateLimitStats(scope: StatsScope) {
	return { rate_limited: scope.counter("rate_limited") };
}

/** Scope `connection_limit.<stat_prefix>`. */
export type ConnectionLimitStats = ReturnType<typeof createConnectionLimitStats>;

export function createConnectionLimitStats(scope: StatsScope) {
	return {
		limited_connections: scope.counter("limited_connections"),
		active_connections: scope.gauge("active_connections"),
	};
}

/** Scope `ext_authz.<stat_prefix>`, of the network filter. */
export type NetworkExtAuthzStats = ReturnType<typeof createNetworkExtAuthzStats>;

export function createNetworkExtAuthzStats(scope: StatsScope) {
	return {
		active: scope.gauge("active"),
		cx_closed: scope.counter("cx_closed"),
		denied: scope.counter("denied"),
		disabled: scope.counter("disabled"),
		error: scope.counter("error"),
		failure_mode_allowed: scope.counter("failure_mode_allowed"),
		ok: scope.counter("ok"),
		total: scope.counter("total"),
	};
}

/** Scope `ratelimit.<stat_prefix>`, of the network filter. */
export type NetworkRateLimitStats = ReturnType<typeof createNetworkRateLimitStats>;

export function createNetworkRateLimitStats(scope: StatsScope) {
	return {
		active: scope.gauge("active"),
		cx_closed: scope.counter("cx_closed"),
		error: scope.counter("error"),
		failure_mode_allowed: scope.counter("failure_mode_allowed"),
		ok: scope.counter("ok"),
		over_limit: scope.counter("over_limit"),
		total: scope.counter("total"),
	};
}
