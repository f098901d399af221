import type { MatchTree, RbacConfig } from "../../engine/authorization/index.ts";
import type { Formatter } from "../../engine/format/index.ts";
import type { CidrRange, Metadata } from "../../engine/matcher/index.ts";
import type { AccessLogConfig } from "./access-log-config.ts";
import type { TcpKeepalive } from "./cluster-config.ts";
import type { FilterDiscovery } from "./filter-discovery.ts";
import type { HttpConnectionManagerConfig } from "./http-connection-manager-config.ts";
import type { IstioStatsConfig } from "./http-filter-config.ts";
import type { NetworkExtAuthzConfig, NetworkRateLimitConfig } from "./network-call-outs.ts";
import type { PeerBoundsConfig } from "./peer-bounds-config.ts";
import type { TcpProxyConfig } from "./tcp-proxy-config.ts";
import type { DownstreamTransportSocket } from "./tls-config.ts";

/** A socket address, a unix path, or a listener of this very process (`EnvoyInternalAddress`) to listen on or to connect to. */
export type AddressConfig =
	| { readonly kind: "socket"; readonly address: string; readonly port: number; readonly ipv4Compatible: boolean }
	| { readonly kind: "pipe"; readonly path: string; readonly mode: number }
	| InternalAddress;

/** The connections to it never leave the process. */
export interface InternalAddress {
	readonly kind: "internal";
	/** As Envoy writes it: `envoy://listener/endpoint`. */
	readonly path: string;
	readonly listener: string;
	/** Tells endpoints of one listener apart. */
	readonly endpoint: string;
}

/** `envoy.config.listener.v3.Listener`, validated. */
export interface ListenerConfig {
	/** Made from the address when the message has none. */
	readonly name: string;
	/** The first is the listener's own, the others are additional. Empty when nothing is bound. */
	readonly addresses: readonly AddressConfig[];
	/** Empty for the address with `.` turned into `_`. */
	readonly statPrefix: string;
	readonly filterChains: readonly FilterChainConfig[];
	/** Chooses a chain by its name instead of the chains' own matches. */
	readonly chainMatcher: MatchTree | undefined;
	readonly defaultFilterChain: FilterChainConfig | undefined;
	readonly listenerFilters: readonly ListenerFilterConfig[];
	/** 15 000 by default; 0 turns it off. */
	readonly listenerFiltersTimeoutMs: number;
	readonly continueOnListenerFiltersTimeout: boolean;
	/** Its connections are not refused at the limit of the process. */
	readonly ignoreGlobalConnectionLimit: boolean;
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
	/** Counted from the socket's own defaults. */
	readonly tcpKeepalive: TcpKeepalive | undefined;
	/** Of the listener's own address; those of additional addresses are in `additionalSocketOptions`, by index. */
	readonly socketOptions: readonly SocketOptionConfig[];
	readonly additionalSocketOptions: readonly (readonly SocketOptionConfig[] | undefined)[];
	readonly accessLogs: readonly AccessLogConfig[];
	readonly metadata: Metadata;
	/** Of everything but the filter chains: an update that leaves it alone replaces single chains. */
	readonly fingerprint: () => string;
}

export interface FilterChainConfig {
	/** The same for the same message. */
	readonly fingerprint: () => string;
	/** Empty when it has none. */
	readonly name: string;
	readonly match: FilterChainMatch;
	readonly transportSocket: DownstreamTransportSocket;
	/** 0 for no bound. */
	readonly transportConnectTimeoutMs: number;
	readonly filters: readonly NetworkFilterConfig[];
	/** Connections end when nobody vouches for their peer any more; only when the metadata asks for it. */
	readonly peerBounds: PeerBoundsConfig | undefined;
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

/** A token bucket of connections. */
export interface TokenBucketConfig {
	readonly maxTokens: number;
	readonly tokensPerFill: number;
	readonly fillIntervalMs: number;
}

/** `envoy.config.core.v3.RuntimeFeatureFlag`. */
export interface RuntimeFlag {
	readonly runtimeKey: string;
	readonly defaultValue: boolean;
}

/** Looks at a connection before a filter chain is chosen. */
export type ListenerFilterConfig = ListenerFilterKind & {
	/** Connections that the filter is not for; undefined is none. */
	readonly disabledFor?: ConnectionPredicate;
};

/** `envoy.config.listener.v3.ListenerFilterChainMatchPredicate`. */
export type ConnectionPredicate =
	| { readonly kind: "any" }
	| { readonly kind: "or" | "and"; readonly predicates: readonly ConnectionPredicate[] }
	| { readonly kind: "not"; readonly predicate: ConnectionPredicate }
	/** The end is not part of it. */
	| { readonly kind: "destination-ports"; readonly start: number; readonly end: number };

type ListenerFilterKind =
	| {
			readonly kind: "tls-inspector";
			/** 16 384 by default. */
			readonly maxClientHelloBytes: number;
			readonly closeOnParsingErrors: boolean;
			/** Fingerprints that are computed for `%TLS_JA3_FINGERPRINT%` and `%TLS_JA4_FINGERPRINT%`. */
			readonly ja3: boolean;
			readonly ja4: boolean;
	  }
	| { readonly kind: "http-inspector" }
	| { readonly kind: "original-dst" }
	/** Comes over ECDS, under its name. */
	| { readonly kind: "discovered"; readonly name: string; readonly config: FilterDiscovery<ListenerFilterConfig> }
	| { readonly kind: "proxy-protocol"; readonly config: ProxyProtocolConfig }
	| { readonly kind: "local-ratelimit"; readonly config: ConnectionRateLimitConfig };

/** `envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol`. */
export interface ProxyProtocolConfig {
	/** Which extensions of version 2 become dynamic metadata. */
	readonly rules: readonly { readonly type: number; readonly namespace: string; readonly key: string }[];
	readonly allowAbsent: boolean;
	readonly disallowedVersions: readonly (1 | 2)[];
	/** Empty for none. */
	readonly statPrefix: string;
	/** Types of extensions that a PROXY header to an upstream repeats; `all`, or a list. */
	readonly passThrough: "all" | readonly number[];
	readonly keepsTlvsInFilterState: boolean;
}

/** Local rate limits of connections, at the listener or in a filter chain. */
export interface ConnectionRateLimitConfig {
	readonly statPrefix: string;
	readonly bucket: TokenBucketConfig;
	/** Undefined: always. */
	readonly enabled: RuntimeFlag | undefined;
	/** Filters of the same key share a bucket; empty for a bucket of its own. */
	readonly shareKey: string;
}

/** An option of a socket, by the system's numbers. */
export interface SocketOptionConfig {
	readonly level: number;
	readonly name: number;
	readonly value: Uint8Array;
	readonly state: "prebind" | "bound" | "listening";
}

export type NetworkFilterConfig =
	| TypedNetworkFilterConfig
	/** Comes over ECDS, under its name. `isTerminal`: it is the last of its chain, and must be one that can be. */
	| {
			readonly kind: "discovered";
			readonly name: string;
			readonly config: FilterDiscovery<TypedNetworkFilterConfig>;
			readonly isTerminal: boolean;
	  };

/** A network filter whose configuration is there. */
export type TypedNetworkFilterConfig =
	| { readonly kind: "http-connection-manager"; readonly name: string; readonly config: HttpConnectionManagerConfig }
	| { readonly kind: "tcp-proxy"; readonly name: string; readonly config: TcpProxyConfig }
	| { readonly kind: "rbac"; readonly name: string; readonly config: NetworkRbacConfig }
	| { readonly kind: "ext-authz"; readonly name: string; readonly config: NetworkExtAuthzConfig }
	| { readonly kind: "rate-limit"; readonly name: string; readonly config: NetworkRateLimitConfig }
	| { readonly kind: "direct-response"; readonly name: string; readonly response: Buffer }
	| { readonly kind: "echo"; readonly name: string }
	| { readonly kind: "sni-cluster"; readonly name: string }
	| { readonly kind: "sni-dynamic-forward-proxy"; readonly name: string; readonly port: number }
	| { readonly kind: "local-ratelimit"; readonly name: string; readonly config: ConnectionRateLimitConfig }
	| { readonly kind: "connection-limit"; readonly name: string; readonly config: ConnectionLimitConfig }
	| { readonly kind: "set-filter-state"; readonly name: string; readonly values: readonly FilterStateValueConfig[] }
	/** Istio's metrics of connections, before the terminal filter. */
	| { readonly kind: "istio-stats"; readonly name: string; readonly config: IstioStatsConfig };

export interface NetworkRbacConfig extends RbacConfig {
	readonly statPrefix: string;
	/** Wait before a denied connection is closed; 0 closes at once. */
	readonly delayDenyMs: number;
	/** Judges (and counts) whenever bytes come, not the first time only. */
	readonly isContinuous: boolean;
}

export interface ConnectionLimitConfig {
	readonly statPrefix: string;
	readonly maxConnections: number;
	/** Wait before a connection over the limit is closed. */
	readonly delayMs: number;
	readonly enabled: RuntimeFlag | undefined;
}

/** A value that a new connection gets for filters after this one. */
export interface FilterStateValueConfig {
	readonly key: string;
	readonly format: Formatter;
	readonly readOnly: boolean;
	readonly skipIfEmpty: boolean;
}
