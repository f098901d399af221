/** `envoy.config.cluster.v3.OutlierDetection` with its defaults filled in. */
export interface OutlierDetectionConfig {
	readonly consecutive5xx: number;
	readonly intervalMs: number;
	readonly baseEjectionTimeMs: number;
	readonly maxEjectionPercent: number;
	readonly maxEjectionTimeMs: number;
	readonly maxEjectionTimeJitterMs: number;
	/** Percent, 0..100. */
	readonly enforcingConsecutive5xx: number;
	readonly enforcingSuccessRate: number;
	readonly successRateMinimumHosts: number;
	readonly successRateRequestVolume: number;
	/** Thousandths: 1900 means 1.9 standard deviations. */
	readonly successRateStdevFactor: number;
	readonly consecutiveGatewayFailure: number;
	readonly enforcingConsecutiveGatewayFailure: number;
	readonly splitExternalLocalOriginErrors: boolean;
	readonly consecutiveLocalOriginFailure: number;
	readonly enforcingConsecutiveLocalOriginFailure: number;
	readonly enforcingLocalOriginSuccessRate: number;
	readonly failurePercentageThreshold: number;
	readonly enforcingFailurePercentage: number;
	readonly enforcingFailurePercentageLocalOrigin: number;
	readonly failurePercentageMinimumHosts: number;
	readonly failurePercentageRequestVolume: number;
	readonly successfulActiveHealthCheckUneject: boolean;
	readonly alwaysEjectOneHost: boolean;
}
