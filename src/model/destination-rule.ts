import type { Labels, ObjectName } from "./names.ts";
import type { Source } from "./source.ts";

/** How an endpoint is chosen; `PASSTHROUGH` goes where the client was going. */
export type LoadBalancerPolicy = "ROUND_ROBIN" | "LEAST_REQUEST" | "RANDOM" | "PASSTHROUGH";

/** Requests with equal keys go to the same endpoint. */
export interface ConsistentHash {
	readonly key:
		| { readonly kind: "header"; readonly name: string }
		| { readonly kind: "query"; readonly name: string }
		| { readonly kind: "source-ip" }
		| {
				readonly kind: "cookie";
				readonly name: string;
				readonly path?: string;
				/** Undefined makes no cookie; 0 one for the session. */
				readonly ttlMs?: number;
				readonly attributes: readonly (readonly [name: string, value: string])[];
		  };
	readonly algorithm:
		| { readonly kind: "ring"; readonly minimumRingSize: number }
		| { readonly kind: "maglev"; readonly tableSize?: number };
}

/** `localityLbSetting`: which endpoints count as near. */
export interface LocalitySettings {
	readonly isEnabled: boolean;
	/** Shares of the localities `to` for clients in `from`; `*` at the end of a locality matches the rest. */
	readonly distribute: readonly { readonly from: string; readonly to: Readonly<Record<string, number>> }[];
	/** Regions that stand in for others. */
	readonly failover: readonly { readonly from: string; readonly to: string }[];
	/** Labels in whose order endpoints are near: `key` (as the client's own) or `key=value`. */
	readonly failoverPriority: readonly string[];
}

/** New endpoints take their share slowly. */
export interface Warmup {
	readonly durationMs: number;
	readonly minimumPercent: number;
	readonly aggression: number;
}

export interface LoadBalancer {
	readonly algorithm?: LoadBalancerPolicy;
	readonly consistentHash?: ConsistentHash;
	readonly locality?: LocalitySettings;
	readonly warmup?: Warmup;
}

/** `outlierDetection` of a DestinationRule; undefined fields take Istio's defaults. */
export interface OutlierDetection {
	readonly consecutive5xxErrors?: number;
	readonly consecutiveGatewayErrors?: number;
	readonly consecutiveLocalOriginFailures?: number;
	/** Failures before an answer are counted by themselves. */
	readonly splitsLocalOriginErrors?: boolean;
	readonly intervalMs?: number;
	readonly baseEjectionTimeMs?: number;
	readonly maxEjectionPercent?: number;
	readonly minHealthPercent?: number;
}

export interface TcpKeepalive {
	readonly probes?: number;
	readonly timeMs?: number;
	readonly intervalMs?: number;
}

/** `connectionPool` of a DestinationRule. */
export interface ConnectionPoolSettings {
	readonly maxConnections?: number;
	readonly connectTimeoutMs?: number;
	readonly tcpKeepalive?: TcpKeepalive;
	readonly maxConnectionDurationMs?: number;
	/** Of TCP connections that carry no HTTP. */
	readonly tcpIdleTimeoutMs?: number;
	readonly http1MaxPendingRequests?: number;
	readonly http2MaxRequests?: number;
	readonly maxRequestsPerConnection?: number;
	readonly maxRetries?: number;
	/** Of connections without requests. */
	readonly idleTimeoutMs?: number;
	readonly h2UpgradePolicy?: "DEFAULT" | "DO_NOT_UPGRADE" | "UPGRADE";
	readonly usesClientProtocol?: boolean;
	readonly maxConcurrentStreams?: number;
	readonly http2KeepaliveIntervalMs?: number;
	readonly http2KeepaliveTimeoutMs?: number;
}

/** TLS towards the endpoints. */
export interface ClientTls {
	readonly mode: "DISABLE" | "SIMPLE" | "MUTUAL" | "ISTIO_MUTUAL";
	readonly sni?: string;
	readonly subjectAltNames: readonly string[];
	/** Paths of files where the proxy runs. */
	readonly clientCertificate?: string;
	readonly privateKey?: string;
	readonly caCertificates?: string;
	readonly caCrl?: string;
	/** Name of a Secret with certificate and authorities. */
	readonly credentialName?: string;
	readonly isInsecure: boolean;
}

/** Connections that are opened through an HTTP proxy. */
export interface Tunnel {
	readonly method: "CONNECT" | "POST";
	readonly targetHost: string;
	readonly targetPort: number;
}

/** Settings of one port; what they leave out has its default and not that of the whole service. */
export interface PortTrafficPolicy {
	readonly loadBalancer?: LoadBalancer;
	readonly outlierDetection?: OutlierDetection;
	readonly connectionPool?: ConnectionPoolSettings;
	readonly tls?: ClientTls;
}

export interface TrafficPolicy extends PortTrafficPolicy {
	/** With the position of each in `portLevelSettings`. */
	readonly portLevel?: Readonly<Record<number, PortTrafficPolicy & { readonly position: number }>>;
	readonly tunnel?: Tunnel;
	/** Version of the PROXY protocol before the bytes of the client. */
	readonly proxyProtocol?: 1 | 2;
	readonly retryBudget?: { readonly percent: number; readonly minRetryConcurrency: number };
}

export interface Subset {
	readonly name: string;
	readonly labels: Labels;
	readonly trafficPolicy?: TrafficPolicy;
}

/** `networking.istio.io/v1` DestinationRule. */
export interface DestinationRule extends ObjectName {
	/** The host it is for, fully qualified when it names a Service; may start with `*`. */
	readonly host: string;
	readonly trafficPolicy?: TrafficPolicy;
	readonly subsets: readonly Subset[];
	/** Namespaces whose clients see it; undefined is all. */
	readonly exportTo?: readonly string[];
	/** Clients of its namespace it is for; undefined is all. */
	readonly workloadSelector?: Labels;
	readonly createdAt: number;
	readonly source: Source;
}
