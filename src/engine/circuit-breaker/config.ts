/** The limits of one priority of a cluster, `envoy.config.cluster.v3.CircuitBreakers.Thresholds`. */
export interface CircuitBreakerThresholds {
	/** 1024 by default, as the next two. */
	readonly maxConnections: number;
	readonly maxPendingRequests: number;
	readonly maxRequests: number;
	/** 3 by default. Ignored when there is a retry budget. */
	readonly maxRetries: number;
	readonly retryBudget: RetryBudget | undefined;
	/** Keep the `remaining_*` gauges. */
	readonly trackRemaining: boolean;
	/** -1 for no bound. */
	readonly maxConnectionPools: number;
}

export interface RetryBudget {
	/** Share of the active requests that may be retries, in percent; 20 by default. */
	readonly budgetPercent: number;
	/** 3 by default. */
	readonly minRetryConcurrency: number;
}

export interface CircuitBreakersConfig {
	readonly default: CircuitBreakerThresholds;
	readonly high: CircuitBreakerThresholds;
	/** Connections a single host may have; -1 for no bound. */
	readonly maxConnectionsPerHost: number;
}
