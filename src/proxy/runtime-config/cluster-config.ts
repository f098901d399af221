import type { CircuitBreakersConfig } from "../../engine/circuit-breaker/index.ts";
import type {
	BalancerConfig,
	CommonBalancerConfig,
	OverrideHostSource,
	SubsetConfig,
} from "../../engine/load-balancer/index.ts";
import type { Metadata, MetadataCriteria, StringMatcher } from "../../engine/matcher/index.ts";
import type { OutlierDetectionConfig } from "../../engine/outlier-detection/index.ts";
import type { RetryPolicy } from "../../engine/retry/index.ts";
import type { HashPolicy, HeaderAddition, MirrorPolicy } from "../../engine/router/index.ts";
import type { ConfigSourceConfig } from "./config-source-config.ts";
import type { DnsCacheConfig } from "./dynamic-forward-proxy.ts";
import type { CommonHttpConfig } from "./http-connection-manager-config.ts";
import type { HttpFilterConfig } from "./http-filter-config.ts";
import type { Http1Config, Http2Config } from "./http-protocol-config.ts";
import type { AddressConfig } from "./listener-config.ts";
import type { PeerBoundsConfig } from "./peer-bounds-config.ts";
import type { UpstreamTransportSocket } from "./tls-config.ts";

/** `envoy.config.cluster.v3.Cluster`, validated. */
export interface ClusterConfig {
	readonly name: string;
	/** The name in statistics: alt_stat_name, or the name with `:` turned into `_`. */
	readonly statName: string;
	readonly discovery: ClusterDiscovery;
	/** 5 000 by default. */
	readonly connectTimeoutMs: number;
	readonly bufferLimitBytes: number;
	readonly balancer: BalancerConfig;
	readonly commonBalancer: CommonBalancerConfig;
	readonly subsets: SubsetConfig | undefined;
	/** Where a request may name its hosts. */
	readonly overrides: readonly OverrideHostSource[] | undefined;
	readonly circuitBreakers: CircuitBreakersConfig;
	readonly outlierDetection: OutlierDetectionConfig | undefined;
	readonly healthChecks: readonly HealthCheckConfig[];
	readonly transportSocket: UpstreamTransportSocket;
	/** The first whose criteria the endpoint's `envoy.transport_socket_match` metadata meets wins over `transportSocket`. */
	readonly transportSocketMatches: readonly TransportSocketMatch[];
	readonly http: UpstreamHttpConfig;
	readonly tcpKeepalive: TcpKeepalive | undefined;
	readonly happyEyeballs: HappyEyeballsConfig;
	/** Local addresses of upstream connections: the first of the host's family, else the first. Empty: those of the bootstrap. */
	readonly bindAddresses: readonly string[];
	/** Connections end when nobody vouches for their peer any more; only when the metadata asks for it. */
	readonly peerBounds: PeerBoundsConfig | undefined;
	readonly metadata: Metadata;
	readonly closeConnectionsOnHostHealthFailure: boolean;
	readonly ignoreHealthOnHostRemoval: boolean;
	readonly waitForWarmOnInit: boolean;
	readonly connectionPoolPerDownstreamConnection: boolean;
	/** 1 by default: connections made ahead of need, per upstream. */
	readonly preconnectRatio: number;
	readonly trackTimeoutBudgets: boolean;
	readonly trackRequestResponseSizes: boolean;
	/** Whether each endpoint has statistics of its own. */
	readonly perEndpointStats: boolean;
}

export type ClusterDiscovery =
	| { readonly kind: "static"; readonly assignment: AssignmentConfig }
	| { readonly kind: "strict-dns"; readonly assignment: AssignmentConfig; readonly dns: DnsConfig }
	| { readonly kind: "logical-dns"; readonly assignment: AssignmentConfig; readonly dns: DnsConfig }
	| { readonly kind: "eds"; readonly serviceName: string; readonly source: ConfigSourceConfig }
	| {
			readonly kind: "original-dst";
			/** Header that names the destination; empty for the connection's. */
			readonly header: string;
			readonly portOverride: number;
			readonly cleanupIntervalMs: number;
	  }
	| { readonly kind: "aggregate"; readonly clusters: readonly string[] }
	| { readonly kind: "dynamic-forward"; readonly cache: DnsCacheConfig };

export interface DnsConfig {
	readonly family: "auto" | "v4-only" | "v6-only" | "v4-preferred" | "all";
	/** 5 000 by default. */
	readonly refreshMs: number;
	readonly failureRefresh: { readonly baseMs: number; readonly maxMs: number } | undefined;
	readonly respectTtl: boolean;
	/** Up to so much is added to each wait for the next look-up. */
	readonly jitterMs: number;
	/** A time to live below this one counts as this one. */
	readonly minRefreshMs: number;
	/** Name servers as `address:port`, asked in place of the machine's; empty for these. */
	readonly servers: readonly string[];
}

/** `envoy.config.endpoint.v3.ClusterLoadAssignment`, validated. */
export interface AssignmentConfig {
	readonly clusterName: string;
	readonly localities: readonly LocalityConfig[];
	/** Percent; 140 by default. */
	readonly overprovisioningFactor: number;
	readonly weightedPriorityHealth: boolean;
	/** Share of requests to refuse outright, by category. */
	readonly dropOverloads: readonly { readonly category: string; readonly fraction: number }[];
	/** 0 for never. */
	readonly staleAfterMs: number;
}

export interface LocalityConfig {
	readonly locality: LocalityName;
	/** 0 is used first. */
	readonly priority: number;
	/** 0 gets nothing under locality-weighted balancing. */
	readonly weight: number;
	readonly metadata: Metadata;
	readonly endpoints: readonly EndpointConfig[];
}

export interface LocalityName {
	readonly region: string;
	readonly zone: string;
	readonly subZone: string;
}

export interface EndpointConfig {
	readonly address: AddressConfig;
	/** Further addresses of the same endpoint, tried when the first does not answer; absent for none. */
	readonly additionalAddresses?: readonly AddressConfig[] | undefined;
	/** Empty when it has none. */
	readonly hostname: string;
	readonly health: "unknown" | "healthy" | "unhealthy" | "draining" | "timeout" | "degraded";
	readonly metadata: Metadata;
	/** At least 1. */
	readonly weight: number;
	/** 0 for the endpoint's own port. */
	readonly healthCheckPort: number;
	/** Where it is checked in place of its address; undefined: there. */
	readonly healthCheckAddress?: AddressConfig | undefined;
	readonly healthCheckHostname: string;
	readonly healthCheckDisabled: boolean;
}

export interface TransportSocketMatch {
	readonly name: string;
	/** Empty matches every endpoint. */
	readonly criteria: MetadataCriteria;
	readonly socket: UpstreamTransportSocket;
}

/** In which order the addresses of one host are tried. */
export interface HappyEyeballsConfig {
	/** Undefined for the family of the first address. */
	readonly firstFamily: 4 | 6 | undefined;
	/** So many of the first family come before each of the other one; at least 1, which is the default. */
	readonly firstCount: number;
}

export interface TcpKeepalive {
	readonly probes: number | undefined;
	readonly idleSeconds: number | undefined;
	readonly intervalSeconds: number | undefined;
}

/** `HttpProtocolOptions` of an upstream, with the deprecated fields of the cluster folded in. */
export interface UpstreamHttpConfig {
	/** `downstream` speaks what the client speaks; `auto` asks ALPN. */
	readonly protocol: "http1" | "http2" | "downstream" | "auto";
	readonly common: CommonHttpConfig;
	readonly http1: Http1Config;
	readonly http2: Http2Config;
	/** SNI from the request's host. */
	readonly autoSni: boolean;
	readonly autoSanValidation: boolean;
	/** Header used by the two above instead of the host; empty for the host. */
	readonly overrideAutoSniHeader: string;
	/** Policies that go before those of routes; undefined when there are none. */
	readonly policies: ClusterPolicies | undefined;
	/** What every attempt passes, without the codec at their end; undefined: what routers say. */
	readonly filters: readonly HttpFilterConfig[] | undefined;
}

/** Policies of routes that a cluster gives. */
export interface ClusterPolicies {
	readonly retryPolicy: RetryPolicy | undefined;
	readonly hashPolicies: readonly HashPolicy[];
	readonly mirrorPolicies: readonly MirrorPolicy[];
}

/** `envoy.config.core.v3.HealthCheck`. */
/** Where the events of a health check are written down. */
export interface HealthEventLogConfig {
	readonly paths: readonly string[];
	/** Every failure, not only those that change something. */
	readonly everyFailure: boolean;
	readonly everySuccess: boolean;
}

export interface HealthCheckConfig {
	readonly events: HealthEventLogConfig;
	/** Of one check among several; its statistics have it in their names. */
	readonly name: string;
	readonly timeoutMs: number;
	readonly intervalMs: number;
	readonly initialJitterMs: number;
	readonly intervalJitterMs: number;
	readonly intervalJitterPercent: number;
	readonly unhealthyThreshold: number;
	readonly healthyThreshold: number;
	readonly reuseConnection: boolean;
	/** 60 000 by default. */
	readonly noTrafficIntervalMs: number;
	readonly noTrafficHealthyIntervalMs: number;
	readonly unhealthyIntervalMs: number;
	readonly unhealthyEdgeIntervalMs: number;
	readonly healthyEdgeIntervalMs: number;
	readonly transportSocketMatchCriteria: MetadataCriteria | undefined;
	readonly alpnProtocols: readonly string[];
	readonly checker:
		| {
				readonly kind: "http";
				/** Empty for the cluster's name. */
				readonly host: string;
				readonly path: string;
				readonly method: string;
				readonly http2: boolean;
				readonly expectedStatuses: readonly StatusRange[];
				readonly retriableStatuses: readonly StatusRange[];
				readonly headersToAdd: readonly HeaderAddition[];
				readonly headersToRemove: readonly string[];
				/** The body of requests; empty for none. */
				readonly send: Uint8Array;
				readonly serviceName: StringMatcher | undefined;
				readonly receive: readonly Uint8Array[];
		  }
		| {
				readonly kind: "tcp";
				readonly send: Uint8Array;
				readonly receive: readonly Uint8Array[];
				/** Version of the PROXY header that connections begin with; undefined for none. */
				readonly proxyHeader: 1 | 2 | undefined;
		  }
		| {
				readonly kind: "grpc";
				readonly serviceName: string;
				readonly authority: string;
				readonly headersToAdd: readonly HeaderAddition[];
		  };
}

/** Inclusive start, exclusive end. */
export interface StatusRange {
	readonly start: number;
	readonly end: number;
}
