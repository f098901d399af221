import {
	VhRateLimitsOptions,
	XRateLimitHeadersRFCVersion,
} from "../../api/gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.js";
import type { LocalRateLimit } from "../../api/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js";
import type { TokenBucket } from "../../api/gen/envoy/type/v3/token_bucket_pb.js";
import type { RateLimiterConfig, RateLimitPolicy, TokenBucketConfig } from "../../engine/rate-limit/index.ts";
import type { HeaderAddition } from "../../engine/router/index.ts";
import type { RuntimeFraction } from "../../engine/runtime/index.ts";
import { readRateLimits } from "./rate-limits.ts";
import type { Scope } from "./scope.ts";
import { readHeaderAdditions, readRuntimeFraction, toMs } from "./values.ts";

/** `envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit`. */
export interface LocalRateLimitConfig {
	readonly statPrefix: string;
	readonly status: number;
	readonly limiter: RateLimiterConfig;
	/** Undefined: never. */
	readonly enabled: RuntimeFraction | undefined;
	readonly enforced: RuntimeFraction | undefined;
	readonly requestHeadersWhenNotEnforced: readonly HeaderAddition[];
	readonly responseHeaders: readonly HeaderAddition[];
	readonly stage: number;
	readonly perConnection: boolean;
	readonly sendsRateLimitHeaders: boolean;
	/** Whether refusals say when to come again. */
	readonly sendsRetryAfter: boolean;
	/** What becomes of the virtual host's policies beside the route's own. */
	readonly virtualHostPolicies: "override" | "include" | "ignore";
	readonly limitedAsResourceExhausted: boolean;
	/** The filter's own policies; when there are any, those of routes do not count. */
	readonly policies: readonly RateLimitPolicy[];
}

const minFillIntervalMs = 50;

const virtualHostOptions: Readonly<Record<number, LocalRateLimitConfig["virtualHostPolicies"]>> = {
	[VhRateLimitsOptions.INCLUDE]: "include",
	[VhRateLimitsOptions.IGNORE]: "ignore",
};

/** `onRoute`: a route's config needs a bucket of its own. */
export function readLocalRateLimit(message: LocalRateLimit, scope: Scope, onRoute: boolean): LocalRateLimitConfig {
	if (onRoute && message.tokenBucket === undefined) {
		scope.at("token_bucket").report("local rate limit token bucket must be set for per filter configs");
	}
	const status = message.status?.code ?? 0;
	return {
		statPrefix: message.statPrefix,
		status: status >= 400 && status < 600 ? status : 429,
		limiter: {
			bucket: message.tokenBucket && readBucket(message.tokenBucket, scope.at("token_bucket")),
			descriptors: readDescriptors(message, scope),
			alwaysConsumesDefault: message.alwaysConsumeDefaultTokenBucket ?? true,
			maxDynamicDescriptors: message.maxDynamicDescriptors ?? 20,
		},
		enabled: readRuntimeFraction(message.filterEnabled),
		enforced: readRuntimeFraction(message.filterEnforced),
		requestHeadersWhenNotEnforced: readHeaderAdditions(
			message.requestHeadersToAddWhenNotEnforced,
			scope,
			"request_headers_to_add_when_not_enforced",
		),
		responseHeaders: readHeaderAdditions(message.responseHeadersToAdd, scope, "response_headers_to_add"),
		stage: message.stage,
		perConnection: message.localRateLimitPerDownstreamConnection,
		sendsRateLimitHeaders: message.enableXRatelimitHeaders === XRateLimitHeadersRFCVersion.DRAFT_VERSION_03,
		sendsRetryAfter: message.enableRetryAfterHeader,
		virtualHostPolicies: virtualHostOptions[message.vhRateLimits] ?? "override",
		limitedAsResourceExhausted: message.rateLimitedAsResourceExhausted,
		policies: readRateLimits(message.rateLimits, scope, { allowsLimit: false, formatsValues: false }),
	};
}

function readDescriptors(message: LocalRateLimit, scope: Scope): RateLimiterConfig["descriptors"] {
	const seen = new Set<string>();
	return message.descriptors.map((descriptor, index) => {
		const at = scope.at("descriptors", index);
		const entries = descriptor.entries.map(({ key, value }) => ({ key, value }));
		const key = JSON.stringify(entries);
		if (seen.has(key)) at.report(`duplicate descriptor in the local rate descriptor: ${describe(entries)}`);
		seen.add(key);
		return {
			entries,
			bucket: readBucket(descriptor.tokenBucket, at.at("token_bucket")),
			isShadow: descriptor.shadowMode,
		};
	});
}

function describe(entries: readonly { readonly key: string; readonly value: string }[]): string {
	return entries.map(({ key, value }) => `${key}=${value}`).join(", ");
}

/** Translates a bucket that is filled often enough for the filter's clock. */
export function readBucket(message: TokenBucket | undefined, scope: Scope): TokenBucketConfig {
	const fillIntervalMs = toMs(message?.fillInterval, 0);
	if (fillIntervalMs > 0 && fillIntervalMs < minFillIntervalMs) {
		scope.at("fill_interval").report("local rate limit token bucket fill timer must be >= 50ms");
	}
	return {
		maxTokens: message?.maxTokens ?? 0,
		tokensPerFill: message?.tokensPerFill ?? 1,
		fillIntervalMs,
	};
}
