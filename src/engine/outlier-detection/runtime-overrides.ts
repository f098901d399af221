import { getRuntimeNumber, type Runtime } from "../runtime/index.ts";
import type { OutlierDetectionConfig } from "./config.ts";

type NumberField = {
	[field in keyof OutlierDetectionConfig]: OutlierDetectionConfig[field] extends number ? field : never;
}[keyof OutlierDetectionConfig];

/** Keys below `outlier_detection.`. */
const keys: Readonly<Record<NumberField, string>> = {
	consecutive5xx: "consecutive_5xx",
	intervalMs: "interval_ms",
	baseEjectionTimeMs: "base_ejection_time_ms",
	maxEjectionPercent: "max_ejection_percent",
	maxEjectionTimeMs: "max_ejection_time_ms",
	maxEjectionTimeJitterMs: "max_ejection_time_jitter_ms",
	enforcingConsecutive5xx: "enforcing_consecutive_5xx",
	enforcingSuccessRate: "enforcing_success_rate",
	successRateMinimumHosts: "success_rate_minimum_hosts",
	successRateRequestVolume: "success_rate_request_volume",
	successRateStdevFactor: "success_rate_stdev_factor",
	consecutiveGatewayFailure: "consecutive_gateway_failure",
	enforcingConsecutiveGatewayFailure: "enforcing_consecutive_gateway_failure",
	consecutiveLocalOriginFailure: "consecutive_local_origin_failure",
	enforcingConsecutiveLocalOriginFailure: "enforcing_consecutive_local_origin_failure",
	enforcingLocalOriginSuccessRate: "enforcing_local_origin_success_rate",
	failurePercentageThreshold: "failure_percentage_threshold",
	enforcingFailurePercentage: "enforcing_failure_percentage",
	enforcingFailurePercentageLocalOrigin: "enforcing_failure_percentage_local_origin",
	failurePercentageMinimumHosts: "failure_percentage_minimum_hosts",
	failurePercentageRequestVolume: "failure_percentage_request_volume",
};

/** The configuration with what the runtime says in its place. */
export function overrideOutlierDetection(config: OutlierDetectionConfig, runtime: Runtime): OutlierDetectionConfig {
	const overridden: Record<string, unknown> = { ...config };
	for (const [field, key] of Object.entries(keys)) {
		overridden[field] = getRuntimeNumber(runtime, `outlier_detection.${key}`, config[field as NumberField]);
	}
	return overridden as unknown as OutlierDetectionConfig;
}
