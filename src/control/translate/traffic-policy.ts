import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CircuitBreakersSchema } from "../../api/gen/envoy/config/cluster/v3/circuit_breaker_pb.js";
import type { ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { OutlierDetectionSchema } from "../../api/gen/envoy/config/cluster/v3/outlier_detection_pb.js";
import type { ConnectionPoolSettings, OutlierDetection, TcpKeepalive, TrafficPolicy } from "../../model/index.ts";
import { type HttpVersion, httpOptions } from "./http-options.ts";
import { translateLoadBalancer } from "./load-balancer.ts";
import { duration } from "./messages.ts";

export type ClusterInit = Extract<MessageInitShape<typeof ClusterSchema>, { readonly $typeName?: undefined }>;

const maxUint32 = 4294967295;
const defaultConnectTimeoutMs = 5_000;

/** The cluster fields of a traffic policy; what it leaves out has Istio's defaults. */
export function translateTrafficPolicy(
	policy: TrafficPolicy,
	version: HttpVersion,
	upstream: Parameters<typeof httpOptions>[3] = undefined,
): Partial<ClusterInit> {
	const { connectionPool, outlierDetection, loadBalancer } = policy;
	const common = commonHttpOptions(connectionPool);
	const { connectTimeoutMs = defaultConnectTimeoutMs } = connectionPool ?? {};
	const needsOptions = version !== "http1" || common !== undefined || upstream !== undefined;
	return {
		...translateLoadBalancer(loadBalancer),
		...translateConnectionPool(connectionPool, policy.retryBudget, connectTimeoutMs),
		// Endpoints that are not ready never get traffic, however many they are: panic routing is off, as Istio has it.
		commonLbConfig: {
			healthyPanicThreshold: { value: outlierDetection?.minHealthPercent ?? 0 },
			...(usesLocalityWeights(policy) && { localityConfigSpecifier: { case: "localityWeightedLbConfig", value: {} } }),
		},
		...(outlierDetection !== undefined && { outlierDetection: translateOutlierDetection(outlierDetection) }),
		...(needsOptions && httpOptions(version, common, connectionPool, upstream)),
	};
}

/** Weights of localities count where a policy says how much each gets, or which stand in for which. */
function usesLocalityWeights({ loadBalancer, outlierDetection }: TrafficPolicy): boolean {
	const locality = loadBalancer?.locality;
	if (locality === undefined || !locality.isEnabled) return false;
	const standsIn = locality.failover.length > 0 || locality.failoverPriority.length > 0;
	return locality.distribute.length > 0 || (outlierDetection !== undefined && standsIn);
}

/** How a cluster connects, whatever it speaks. */
export function translateConnectionPool(
	pool: ConnectionPoolSettings | undefined,
	budget: TrafficPolicy["retryBudget"],
	connectTimeoutMs: number,
): Pick<ClusterInit, "connectTimeout" | "circuitBreakers" | "upstreamConnectionOptions"> {
	return {
		connectTimeout: duration(connectTimeoutMs),
		circuitBreakers: translateLimits(pool, budget),
		...(pool?.tcpKeepalive !== undefined && {
			upstreamConnectionOptions: { tcpKeepalive: translateKeepalive(pool.tcpKeepalive) },
		}),
	};
}

/** What a pool says of HTTP connections of any version; undefined when it says nothing. */
export function commonHttpOptions(pool: ConnectionPoolSettings | undefined): Parameters<typeof httpOptions>[1] {
	const idleTimeoutMs = pool?.idleTimeoutMs ?? pool?.tcpIdleTimeoutMs;
	const { maxRequestsPerConnection = 0, maxConnectionDurationMs } = pool ?? {};
	if (maxRequestsPerConnection === 0 && idleTimeoutMs === undefined && maxConnectionDurationMs === undefined)
		return undefined;
	return {
		...(maxRequestsPerConnection > 0 && { maxRequestsPerConnection }),
		...(idleTimeoutMs !== undefined && { idleTimeout: duration(idleTimeoutMs) }),
		...(maxConnectionDurationMs !== undefined && { maxConnectionDuration: duration(maxConnectionDurationMs) }),
	};
}

function translateKeepalive({ probes, timeMs, intervalMs }: TcpKeepalive) {
	return {
		...(probes !== undefined && { keepaliveProbes: probes }),
		...(timeMs !== undefined && { keepaliveTime: Math.ceil(timeMs / 1000) }),
		...(intervalMs !== undefined && { keepaliveInterval: Math.ceil(intervalMs / 1000) }),
	};
}

/** Limits so high that they never count. */
export function unlimitedCircuitBreakers(): MessageInitShape<typeof CircuitBreakersSchema> {
	return translateLimits(undefined, undefined);
}

/** A limit of 0 is none, as Istio has it. */
function translateLimits(
	pool: ConnectionPoolSettings | undefined,
	budget: TrafficPolicy["retryBudget"],
): MessageInitShape<typeof CircuitBreakersSchema> {
	const limit = (value: number | undefined): number => (value === undefined || value === 0 ? maxUint32 : value);
	return {
		thresholds: [
			{
				maxConnections: limit(pool?.maxConnections),
				maxPendingRequests: limit(pool?.http1MaxPendingRequests),
				maxRequests: limit(pool?.http2MaxRequests),
				maxRetries: limit(pool?.maxRetries),
				trackRemaining: true,
				...(budget !== undefined && {
					retryBudget: {
						budgetPercent: { value: budget.percent },
						minRetryConcurrency: budget.minRetryConcurrency === 0 ? 3 : budget.minRetryConcurrency,
					},
				}),
			},
		],
	};
}

/** Ejection by counted errors only: success rates are off, as Istio has it. */
function translateOutlierDetection(detection: OutlierDetection): MessageInitShape<typeof OutlierDetectionSchema> {
	const { consecutive5xxErrors, consecutiveGatewayErrors, consecutiveLocalOriginFailures = 0 } = detection;
	const { intervalMs, baseEjectionTimeMs, maxEjectionPercent } = detection;
	return {
		enforcingSuccessRate: 0,
		...(consecutive5xxErrors !== undefined && {
			consecutive5xx: consecutive5xxErrors,
			enforcingConsecutive5xx: consecutive5xxErrors > 0 ? 100 : 0,
		}),
		...(consecutiveGatewayErrors !== undefined && {
			consecutiveGatewayFailure: consecutiveGatewayErrors,
			enforcingConsecutiveGatewayFailure: consecutiveGatewayErrors > 0 ? 100 : 0,
		}),
		...(detection.splitsLocalOriginErrors === true && {
			splitExternalLocalOriginErrors: true,
			enforcingLocalOriginSuccessRate: 0,
			...(consecutiveLocalOriginFailures > 0 && {
				consecutiveLocalOriginFailure: consecutiveLocalOriginFailures,
				enforcingConsecutiveLocalOriginFailure: 100,
			}),
		}),
		...(intervalMs !== undefined && { interval: duration(intervalMs) }),
		...(baseEjectionTimeMs !== undefined && { baseEjectionTime: duration(baseEjectionTimeMs) }),
		...(maxEjectionPercent !== undefined && maxEjectionPercent > 0 && { maxEjectionPercent }),
	};
}
