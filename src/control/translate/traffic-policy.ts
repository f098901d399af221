import type { MessageInitShape } from "@bufbuild/protobuf";
import type { CircuitBreakersSchema } from "../../api/gen/envoy/config/cluster/v3/circuit_breaker_pb.js";
import { Cluster_LbPolicy, type ClusterSchema } from "../../api/gen/envoy/config/cluster/v3/cluster_pb.js";
import type { OutlierDetectionSchema } from "../../api/gen/envoy/config/cluster/v3/outlier_detection_pb.js";
import { assertNever } from "../../core/index.ts";
import type { ConnectionPoolSettings, LoadBalancerPolicy, OutlierDetection, TrafficPolicy } from "../../model/index.ts";
import { type HttpVersion, httpOptions } from "./http-options.ts";
import { duration } from "./messages.ts";

export type ClusterInit = Extract<MessageInitShape<typeof ClusterSchema>, { readonly $typeName?: undefined }>;

const maxUint32 = 4294967295;
const defaultConnectTimeoutMs = 5_000;

/** The cluster fields of a traffic policy; what it leaves out has Istio's defaults. */
export function translateTrafficPolicy(policy: TrafficPolicy, version: HttpVersion): Partial<ClusterInit> {
	const { connectionPool, outlierDetection } = policy;
	const maxRequestsPerConnection = connectionPool?.maxRequestsPerConnection ?? 0;
	const common = maxRequestsPerConnection > 0 ? { maxRequestsPerConnection } : undefined;
	return {
		lbPolicy: translateLoadBalancer(policy.loadBalancer ?? "LEAST_REQUEST"),
		connectTimeout: duration(connectionPool?.connectTimeoutMs ?? defaultConnectTimeoutMs),
		circuitBreakers: translateConnectionPool(connectionPool),
		// Endpoints that are not ready never get traffic, however many they are: panic routing is off, as Istio has it.
		commonLbConfig: { healthyPanicThreshold: { value: outlierDetection?.minHealthPercent ?? 0 } },
		...(outlierDetection !== undefined && { outlierDetection: translateOutlierDetection(outlierDetection) }),
		...((version !== "http1" || common !== undefined) && httpOptions(version, common)),
	};
}

/** Limits so high that they never count. */
export function unlimitedCircuitBreakers(): MessageInitShape<typeof CircuitBreakersSchema> {
	return translateConnectionPool(undefined);
}

function translateConnectionPool(
	pool: ConnectionPoolSettings | undefined,
): MessageInitShape<typeof CircuitBreakersSchema> {
	return {
		thresholds: [
			{
				maxConnections: pool?.maxConnections ?? maxUint32,
				maxPendingRequests: pool?.http1MaxPendingRequests ?? maxUint32,
				maxRequests: pool?.http2MaxRequests ?? maxUint32,
				maxRetries: pool?.maxRetries ?? maxUint32,
				trackRemaining: true,
			},
		],
	};
}

function translateLoadBalancer(policy: LoadBalancerPolicy): Cluster_LbPolicy {
	switch (policy) {
		case "ROUND_ROBIN":
			return Cluster_LbPolicy.ROUND_ROBIN;
		case "LEAST_REQUEST":
			return Cluster_LbPolicy.LEAST_REQUEST;
		case "RANDOM":
			return Cluster_LbPolicy.RANDOM;
		default:
			return assertNever(policy);
	}
}

/** Ejection by counted errors only: success rates are off, as Istio has it. */
function translateOutlierDetection(detection: OutlierDetection): MessageInitShape<typeof OutlierDetectionSchema> {
	const { consecutive5xxErrors, consecutiveGatewayErrors, intervalMs, baseEjectionTimeMs, maxEjectionPercent } =
		detection;
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
		...(intervalMs !== undefined && { interval: duration(intervalMs) }),
		...(baseEjectionTimeMs !== undefined && { baseEjectionTime: duration(baseEjectionTimeMs) }),
		...(maxEjectionPercent !== undefined && { maxEjectionPercent }),
	};
}
