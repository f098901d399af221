import type { HeaderMatcher, MetadataCriteria } from "../matcher/types.ts";

/** Conditions of `retry_on`, one bit each. */
export const RetryOn = {
	serverError: 1 << 0,
	gatewayError: 1 << 1,
	connectFailure: 1 << 2,
	retriable4xx: 1 << 3,
	refusedStream: 1 << 4,
	grpcCancelled: 1 << 5,
	grpcDeadlineExceeded: 1 << 6,
	grpcResourceExhausted: 1 << 7,
	grpcUnavailable: 1 << 8,
	grpcInternal: 1 << 9,
	retriableStatusCodes: 1 << 10,
	reset: 1 << 11,
	retriableHeaders: 1 << 12,
	envoyRateLimited: 1 << 13,
	http3PostConnectFailure: 1 << 14,
	resetBeforeRequest: 1 << 15,
} as const;

/** `envoy.config.route.v3.RetryPolicy`, validated. */
export interface RetryPolicy {
	/** Bits of {@link RetryOn}. */
	readonly retryOn: number;
	/** 1 by default. */
	readonly numRetries: number;
	/** 0 turns it off. */
	readonly perTryTimeoutMs: number;
	readonly perTryIdleTimeoutMs: number;
	readonly retriableStatusCodes: readonly number[];
	/** 25 by default. */
	readonly backOffBaseMs: number;
	/** Ten times the base by default. */
	readonly backOffMaxMs: number;
	readonly rateLimitedBackOff: RateLimitedBackOff | undefined;
	readonly retriableHeaders: readonly HeaderMatcher[];
	readonly retriableRequestHeaders: readonly HeaderMatcher[];
	readonly hostPredicates: readonly RetryHostPredicate[];
	/** `previous_priorities` with its update frequency; undefined when priorities stay as they are. */
	readonly previousPrioritiesUpdateFrequency: number | undefined;
	/** 1 by default. */
	readonly hostSelectionMaxAttempts: number;
}

export interface RateLimitedBackOff {
	readonly resetHeaders: readonly { readonly name: string; readonly format: "seconds" | "unix-timestamp" }[];
	/** 300 000 by default. */
	readonly maxIntervalMs: number;
}

export type RetryHostPredicate =
	| { readonly kind: "previous-hosts" }
	| { readonly kind: "omit-canary-hosts" }
	| { readonly kind: "omit-host-metadata"; readonly criteria: MetadataCriteria };
