import type { Formatter } from "../../engine/format/index.ts";
import type { MetadataCriteria } from "../../engine/matcher/index.ts";
import type { HeaderAddition } from "../../engine/router/index.ts";
import type { AccessLogConfig } from "./access-log-config.ts";

/** `envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`, validated. */
export interface TcpProxyConfig {
	readonly statPrefix: string;
	readonly clusters: readonly {
		readonly name: string;
		readonly weight: number;
		readonly metadataMatch: MetadataCriteria | undefined;
	}[];
	readonly totalWeight: number;
	readonly metadataMatch: MetadataCriteria | undefined;
	/** 3 600 000 by default; 0 turns it off. */
	readonly idleTimeoutMs: number;
	/** 0 for no bound. */
	readonly maxDownstreamConnectionDurationMs: number;
	/** 1 by default. */
	readonly maxConnectAttempts: number;
	/** Whether the source IP is hashed for consistent hashing. */
	readonly hashSourceIp: boolean;
	readonly accessLogs: readonly AccessLogConfig[];
	readonly flushAccessLogOnConnected: boolean;
	/** 0 for never. */
	readonly accessLogFlushIntervalMs: number;
	/** Tunnel in an HTTP CONNECT (or POST) request; undefined for plain TCP. */
	readonly tunneling:
		| {
				readonly hostname: Formatter;
				readonly usePost: boolean;
				readonly postPath: string;
				readonly headers: readonly HeaderAddition[];
				readonly propagateResponseHeaders: boolean;
				readonly propagateResponseTrailers: boolean;
		  }
		| undefined;
}
