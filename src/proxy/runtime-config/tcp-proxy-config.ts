import type { Formatter } from "../../engine/format/index.ts";
import type { MetadataCriteria } from "../../engine/matcher/index.ts";
import type { HeaderAddition } from "../../engine/router/index.ts";
import type { AccessLogConfig } from "./access-log-config.ts";
import type { OnDemandConfig } from "./on-demand.ts";

/** `envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy`, validated. */
export interface TcpProxyConfig {
	readonly statPrefix: string;
	readonly clusters: readonly {
		readonly name: string;
		readonly weight: number;
		readonly metadataMatch: MetadataCriteria | undefined;
	}[];
	readonly totalWeight: number;
	/** Where a cluster that is not there is asked for; undefined when it is not. */
	readonly onDemand: OnDemandConfig | undefined;
	/** Whether the clusters have weights: then filter state has no say. */
	readonly isWeighted: boolean;
	readonly metadataMatch: MetadataCriteria | undefined;
	/** 3 600 000 by default; 0 turns it off. */
	readonly idleTimeoutMs: number;
	/** 0 for no bound. */
	readonly maxDownstreamConnectionDurationMs: number;
	/** Part of that duration, 0 to 100 percent, by which it may be longer. */
	readonly durationJitterPercent: number;
	/** 1 by default. */
	readonly maxConnectAttempts: number;
	/** Between attempts; undefined for none. */
	readonly backoff: { readonly baseMs: number; readonly maxMs: number } | undefined;
	/** What is hashed for consistent hashing. */
	readonly hash:
		| { readonly kind: "none" }
		| { readonly kind: "source-ip" }
		| { readonly kind: "filter-state"; readonly key: string };
	/** When the upstream is connected to: with the client's connection, its first byte, or the end of its TLS handshake. */
	readonly connectMode: "immediate" | "downstream-data" | "downstream-tls-handshake";
	/** How many bytes are taken before the upstream is there, where it waits for them. */
	readonly maxEarlyDataBytes: number;
	/** Extensions of the PROXY header that tells upstreams of clients which brought none. */
	readonly proxyTlvs: readonly { readonly type: number; readonly value: Buffer | Formatter }[];
	readonly accessLogs: readonly AccessLogConfig[];
	readonly flushAccessLogOnStart: boolean;
	readonly flushAccessLogOnConnected: boolean;
	/** 0 for never. */
	readonly accessLogFlushIntervalMs: number;
	/** Tunnel in an HTTP CONNECT (or POST) request; undefined for plain TCP. */
	readonly tunneling: TcpTunnelConfig | undefined;
}

/** `TcpProxy.TunnelingConfig`. */
export interface TcpTunnelConfig {
	readonly hostname: Formatter;
	readonly usePost: boolean;
	readonly postPath: string;
	readonly headers: readonly HeaderAddition[];
	readonly propagateResponseHeaders: boolean;
	readonly propagateResponseTrailers: boolean;
}
