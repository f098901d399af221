import type { RbacConfig } from "../../engine/authorization/index.ts";
import type { CidrRange, Metadata } from "../../engine/matcher/index.ts";
import type { AccessLogConfig } from "./access-log-config.ts";
import type { HttpConnectionManagerConfig } from "./http-connection-manager-config.ts";
import type { IstioStatsConfig } from "./http-filter-config.ts";
import type { TcpProxyConfig } from "./tcp-proxy-config.ts";
import type { DownstreamTransportSocket } from "./tls-config.ts";

/** A socket address or a unix path to listen on or to connect to. */
export type AddressConfig =
	| { readonly kind: "socket"; readonly address: string; readonly port: number; readonly ipv4Compatible: boolean }
	| { readonly kind: "pipe"; readonly path: string; readonly mode: number };

/** `envoy.config.listener.v3.Listener`, validated. */
export interface ListenerConfig {
	/** Made from the address when the message has none. */
	readonly name: string;
	/** The first is the listener's own, the others are additional. Empty when nothing is bound. */
	readonly addresses: readonly AddressConfig[];
	/** Empty for the address with `.` turned into `_`. */
	readonly statPrefix: string;
	readonly filterChains: readonly FilterChainConfig[];
	readonly defaultFilterChain: FilterChainConfig | undefined;
	readonly listenerFilters: readonly ListenerFilterConfig[];
	/** 15 000 by default; 0 turns it off. */
	readonly listenerFiltersTimeoutMs: number;
	readonly continueOnListenerFiltersTimeout: boolean;
	/** 1 MiB by default. */
	readonly bufferLimitBytes: number;
	readonly trafficDirection: "unspecified" | "inbound" | "outbound";
	readonly bindToPort: boolean;
	readonly useOriginalDst: boolean;
	/** 0 for the system's. */
	readonly tcpBacklog: number;
	readonly transparent: boolean;
	readonly freebind: boolean;
	readonly enableReusePort: boolean;
	readonly drainOnModifyOnly: boolean;
	readonly accessLogs: readonly AccessLogConfig[];
	readonly metadata: Metadata;
}

export interface FilterChainConfig {
	/** Empty when it has none. */
	readonly name: string;
	readonly match: FilterChainMatch;
	readonly transportSocket: DownstreamTransportSocket;
	/** 0 for no bound. */
	readonly transportConnectTimeoutMs: number;
	readonly filters: readonly NetworkFilterConfig[];
	readonly metadata: Metadata;
}

/** Empty lists and undefined match everything; the most specific chain wins in the order of the fields. */
export interface FilterChainMatch {
	readonly destinationPort: number | undefined;
	readonly destinationRanges: readonly CidrRange[];
	/** Lower case; exact or `*.suffix`. */
	readonly serverNames: readonly string[];
	/** `raw_buffer`, `tls`, or empty for either. */
	readonly transportProtocol: string;
	readonly applicationProtocols: readonly string[];
	readonly directSourceRanges: readonly CidrRange[];
	readonly sourceType: "any" | "same-ip-or-loopback" | "external";
	readonly sourceRanges: readonly CidrRange[];
	readonly sourcePorts: readonly number[];
}

export type ListenerFilterConfig = { readonly kind: "tls-inspector" } | { readonly kind: "http-inspector" };

export type NetworkFilterConfig =
	| { readonly kind: "http-connection-manager"; readonly name: string; readonly config: HttpConnectionManagerConfig }
	| { readonly kind: "tcp-proxy"; readonly name: string; readonly config: TcpProxyConfig }
	| { readonly kind: "rbac"; readonly name: string; readonly config: NetworkRbacConfig }
	/** Istio's metrics of connections, before the terminal filter. */
	| { readonly kind: "istio-stats"; readonly name: string; readonly config: IstioStatsConfig };

export interface NetworkRbacConfig extends RbacConfig {
	readonly statPrefix: string;
	/** Wait before a denied connection is closed; 0 closes at once. */
	readonly delayDenyMs: number;
}
