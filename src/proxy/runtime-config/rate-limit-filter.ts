import {
	type RateLimit,
	RateLimit_XRateLimitHeadersRFCVersion,
	type RateLimitPerRoute,
	RateLimitPerRoute_OverrideOptions,
	RateLimitPerRoute_VhRateLimitsOptions,
} from "../../api/gen/envoy/extensions/filters/http/ratelimit/v3/rate_limit_pb.js";
import type { RateLimitPolicy } from "../../engine/rate-limit/index.ts";
import type { HeaderAddition } from "../../engine/router/index.ts";
import type { RuntimeFraction } from "../../engine/runtime/index.ts";
import { readCalledService } from "./config-source.ts";
import type { GrpcServiceConfig } from "./config-source-config.ts";
import { readRateLimits } from "./rate-limits.ts";
import type { Scope } from "./scope.ts";
import { readHeaderAdditions, readRuntimeFraction, toMs } from "./values.ts";

/** `envoy.extensions.filters.http.ratelimit.v3.RateLimit`. */
export interface RateLimitFilterConfig {
	readonly service: GrpcServiceConfig;
	readonly domain: string;
	readonly stage: number;
	/** Which requests are limited, by where they come from. */
	readonly requests: "internal" | "external" | "both";
	readonly timeoutMs: number;
	readonly deniesFailure: boolean;
	readonly deniedFailures: RuntimeFraction | undefined;
	readonly limitedAsResourceExhausted: boolean;
	readonly sendsRateLimitHeaders: boolean;
	readonly sendsRateLimitedHeader: boolean;
	readonly sendsRetryAfter: boolean;
	readonly limitedStatus: number;
	readonly statusOnError: number;
	readonly responseHeaders: readonly HeaderAddition[];
	/** Part of the statistics' names; empty when none. */
	readonly statPrefix: string;
	/** Undefined: always. */
	readonly enabled: RuntimeFraction | undefined;
	readonly enforced: RuntimeFraction | undefined;
	/** The filter's own; when there are any, those of routes do not count. */
	readonly policies: readonly RateLimitPolicy[];
	/** Where the service's metadata goes. */
	readonly metadataNamespace: string;
}

/** `RateLimitPerRoute`. */
export interface RateLimitRouteConfig {
	readonly virtualHostPolicies: "override" | "include" | "ignore";
	readonly policies: readonly RateLimitPolicy[];
	/** Empty: the filter's. */
	readonly domain: string;
}

const defaultTimeoutMs = 20;
const requestTypes: Readonly<Record<string, RateLimitFilterConfig["requests"]>> = {
	internal: "internal",
	external: "external",
};

/** Translates the ratelimit filter. */
export function readRateLimitFilter(message: RateLimit, scope: Scope): RateLimitFilterConfig | undefined {
	const at = scope.at("rate_limit_service");
	const service = readCalledService(message.rateLimitService?.grpcService, at.at("grpc_service"));
	if (service === undefined) {
		if (message.rateLimitService?.grpcService === undefined) at.at("grpc_service").report("this field is required");
		return undefined;
	}
	const status = message.rateLimitedStatus?.code ?? 0;
	return {
		service,
		domain: message.domain,
		stage: message.stage,
		requests: requestTypes[message.requestType] ?? "both",
		timeoutMs: toMs(message.timeout, defaultTimeoutMs),
		deniesFailure: message.failureModeDeny,
		deniedFailures: readRuntimeFraction(message.failureModeDenyPercent),
		limitedAsResourceExhausted: message.rateLimitedAsResourceExhausted,
		sendsRateLimitHeaders: message.enableXRatelimitHeaders === RateLimit_XRateLimitHeadersRFCVersion.DRAFT_VERSION_03,
		sendsRateLimitedHeader: !message.disableXEnvoyRatelimitedHeader,
		sendsRetryAfter: message.enableRetryAfterHeader,
		limitedStatus: status >= 400 ? status : 429,
		statusOnError: message.statusOnError?.code || 500,
		responseHeaders: readHeaderAdditions(message.responseHeadersToAdd, scope, "response_headers_to_add"),
		statPrefix: message.statPrefix,
		enabled: readRuntimeFraction(message.filterEnabled),
		enforced: readRuntimeFraction(message.filterEnforced),
		policies: readRateLimits(message.rateLimits, scope, { allowsLimit: true, formatsValues: true }),
		metadataNamespace: message.metadataNamespace || "envoy.filters.http.ratelimit",
	};
}

/** What a route says of the filter. */
export function readRateLimitRoute(message: RateLimitPerRoute, scope: Scope): RateLimitRouteConfig {
	return {
		virtualHostPolicies: readVirtualHostPolicies(message),
		policies: readRateLimits(message.rateLimits, scope, { allowsLimit: true, formatsValues: true }),
		domain: message.domain,
	};
}

function readVirtualHostPolicies(message: RateLimitPerRoute): RateLimitRouteConfig["virtualHostPolicies"] {
	switch (message.overrideOption) {
		case RateLimitPerRoute_OverrideOptions.OVERRIDE_POLICY:
			return "override";
		case RateLimitPerRoute_OverrideOptions.INCLUDE_POLICY:
			return "include";
		case RateLimitPerRoute_OverrideOptions.IGNORE_POLICY:
			return "ignore";
		default:
	}
	switch (message.vhRateLimits) {
		case RateLimitPerRoute_VhRateLimitsOptions.INCLUDE:
			return "include";
		case RateLimitPerRoute_VhRateLimitsOptions.IGNORE:
			return "ignore";
		default:
			return "override";
	}
}
