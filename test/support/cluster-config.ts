import type { OutlierDetectionConfig } from "../../src/engine/outlier-detection/index.ts";
import type {
	AssignmentConfig,
	ClusterConfig,
	EndpointConfig,
	LocalityConfig,
} from "../../src/proxy/runtime-config/index.ts";

/** A cluster configuration with Envoy's defaults: EDS and round robin unless told otherwise. */
export function createClusterConfig(options: Partial<ClusterConfig> = {}): ClusterConfig {
	const name = options.name ?? "backend";
	const thresholds = {
		maxConnections: 1024,
		maxPendingRequests: 1024,
		maxRequests: 1024,
		maxRetries: 3,
		retryBudget: undefined,
		trackRemaining: false,
		maxConnectionPools: -1,
	};
	return {
		name,
		statName: name,
		discovery: {
			kind: "eds",
			serviceName: name,
			source: { kind: "ads", initialFetchTimeoutMs: 15_000 },
		},
		connectTimeoutMs: 5000,
		bufferLimitBytes: 1 << 20,
		balancer: { kind: "round-robin", slowStart: undefined },
		commonBalancer: {
			healthyPanicThreshold: 50,
			localityWeighted: false,
			zoneAware: undefined,
			ignoreNewHostsUntilFirstHealthCheck: false,
			closeConnectionsOnHostSetChange: false,
			updateMergeWindowMs: 1000,
		},
		subsets: undefined,
		overrides: undefined,
		circuitBreakers: { default: thresholds, high: thresholds, maxConnectionsPerHost: -1 },
		outlierDetection: undefined,
		healthChecks: [],
		transportSocket: { kind: "raw-buffer" },
		transportSocketMatches: [],
		http: {
			protocol: "http1",
			common: {
				idleTimeoutMs: 3_600_000,
				maxConnectionDurationMs: 0,
				maxHeadersCount: 100,
				maxStreamDurationMs: undefined,
				headersWithUnderscores: "allow",
				maxRequestsPerConnection: 0,
			},
			http1: {
				allowAbsoluteUrl: true,
				acceptHttp10: false,
				defaultHostForHttp10: "",
				headerCase: "lower",
				enableTrailers: false,
				allowChunkedLength: false,
				overrideStreamErrorOnInvalidMessage: undefined,
				sendFullyQualifiedUrl: false,
				allowCustomMethods: false,
			},
			http2: {
				hpackTableSize: 4096,
				maxConcurrentStreams: 1024,
				initialStreamWindowBytes: 16 << 20,
				initialConnectionWindowBytes: 24 << 20,
				allowConnect: false,
				maxOutboundFrames: 10_000,
				maxOutboundControlFrames: 1000,
				maxConsecutiveEmptyFrames: 1,
				maxPriorityFramesPerStream: 100,
				maxWindowUpdatesPerDataFrame: 10,
				overrideStreamErrorOnInvalidMessage: undefined,
				keepalive: undefined,
			},
			autoSni: false,
			autoSanValidation: false,
			overrideAutoSniHeader: "",
			policies: undefined,
			filters: undefined,
		},
		tcpKeepalive: undefined,
		happyEyeballs: { firstFamily: undefined, firstCount: 1 },
		bindAddresses: [],
		peerBounds: undefined,
		metadata: {},
		closeConnectionsOnHostHealthFailure: false,
		ignoreHealthOnHostRemoval: false,
		waitForWarmOnInit: true,
		connectionPoolPerDownstreamConnection: false,
		preconnectRatio: 1,
		trackTimeoutBudgets: false,
		trackRequestResponseSizes: false,
		perEndpointStats: false,
		...options,
	};
}

/** A healthy endpoint of weight 1 at `address:port`. */
export function createEndpoint(
	port: number,
	options: Partial<EndpointConfig> = {},
	address = "127.0.0.1",
): EndpointConfig {
	return {
		address: { kind: "socket", address, port, ipv4Compatible: false },
		hostname: "",
		health: "unknown",
		metadata: {},
		weight: 1,
		healthCheckPort: 0,
		healthCheckHostname: "",
		healthCheckDisabled: false,
		...options,
	};
}

/** Endpoints of one locality and priority. */
export function createLocality(
	endpoints: readonly EndpointConfig[],
	options: Partial<LocalityConfig> = {},
): LocalityConfig {
	return {
		locality: { region: "", zone: "", subZone: "" },
		priority: 0,
		weight: 1,
		metadata: {},
		endpoints,
		...options,
	};
}

/** An assignment of these localities with Envoy's defaults. */
export function createAssignment(
	localities: readonly LocalityConfig[],
	options: Partial<AssignmentConfig> = {},
): AssignmentConfig {
	return {
		clusterName: "backend",
		localities,
		overprovisioningFactor: 140,
		weightedPriorityHealth: false,
		dropOverloads: [],
		staleAfterMs: 0,
		...options,
	};
}

/** Envoy's defaults, but that all hosts may be ejected. */
export function createOutlierConfig(options: Partial<OutlierDetectionConfig> = {}): OutlierDetectionConfig {
	return {
		consecutive5xx: 5,
		intervalMs: 10_000,
		baseEjectionTimeMs: 30_000,
		maxEjectionPercent: 100,
		maxEjectionTimeMs: 300_000,
		maxEjectionTimeJitterMs: 0,
		enforcingConsecutive5xx: 100,
		enforcingSuccessRate: 100,
		successRateMinimumHosts: 5,
		successRateRequestVolume: 100,
		successRateStdevFactor: 1900,
		consecutiveGatewayFailure: 5,
		enforcingConsecutiveGatewayFailure: 0,
		splitExternalLocalOriginErrors: false,
		consecutiveLocalOriginFailure: 5,
		enforcingConsecutiveLocalOriginFailure: 100,
		enforcingLocalOriginSuccessRate: 100,
		failurePercentageThreshold: 85,
		enforcingFailurePercentage: 0,
		enforcingFailurePercentageLocalOrigin: 0,
		failurePercentageMinimumHosts: 5,
		failurePercentageRequestVolume: 50,
		successfulActiveHealthCheckUneject: true,
		alwaysEjectOneHost: false,
		...options,
	};
}
