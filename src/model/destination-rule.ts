import type { Labels, ObjectName } from "./names.ts";
import type { Source } from "./source.ts";

export type LoadBalancerPolicy = "ROUND_ROBIN" | "LEAST_REQUEST" | "RANDOM";

/** `outlierDetection` of a DestinationRule; undefined fields take Istio's defaults. */
export interface OutlierDetection {
	readonly consecutive5xxErrors?: number;
	readonly consecutiveGatewayErrors?: number;
	readonly intervalMs?: number;
	readonly baseEjectionTimeMs?: number;
	readonly maxEjectionPercent?: number;
	readonly minHealthPercent?: number;
}

/** `connectionPool` of a DestinationRule. */
export interface ConnectionPoolSettings {
	readonly maxConnections?: number;
	readonly connectTimeoutMs?: number;
	readonly http1MaxPendingRequests?: number;
	readonly http2MaxRequests?: number;
	readonly maxRequestsPerConnection?: number;
	readonly maxRetries?: number;
}

export interface TrafficPolicy {
	readonly loadBalancer?: LoadBalancerPolicy;
	readonly outlierDetection?: OutlierDetection;
	readonly connectionPool?: ConnectionPoolSettings;
	readonly tlsMode?: "DISABLE" | "ISTIO_MUTUAL";
}

export interface Subset {
	readonly name: string;
	readonly labels: Labels;
	readonly trafficPolicy?: TrafficPolicy;
}

/** `networking.istio.io/v1` DestinationRule. */
export interface DestinationRule extends ObjectName {
	/** The host it is for, fully qualified when it names a Service. */
	readonly host: string;
	readonly trafficPolicy?: TrafficPolicy;
	readonly subsets: readonly Subset[];
	readonly createdAt: number;
	readonly source: Source;
}
