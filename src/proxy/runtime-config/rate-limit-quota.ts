import type { Message } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type {
	RateLimitQuotaBucketSettings,
	RateLimitQuotaFilterConfig,
} from "../../api/gen/envoy/extensions/filters/http/rate_limit_quota/v3/rate_limit_quota_pb.js";
import {
	type RateLimitStrategy,
	RateLimitStrategy_BlanketRule,
} from "../../api/gen/envoy/type/v3/ratelimit_strategy_pb.js";
import type { MatchInput, MatchTree } from "../../engine/authorization/index.ts";
import type { QuotaFallback, QuotaStrategy } from "../../engine/quota/index.ts";
import type { HeaderAddition } from "../../engine/router/index.ts";
import { readCalledService } from "./config-source.ts";
import type { GrpcServiceConfig } from "./config-source-config.ts";
import { readRequestInput, readRequestMatcher } from "./match-tree.ts";
import type { Scope } from "./scope.ts";
import { readHeaderAdditions, toMs, unpackExtension } from "./values.ts";

/** `envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaFilterConfig`. */
export interface RateLimitQuotaConfig {
	readonly service: GrpcServiceConfig;
	readonly domain: string;
	/** Its actions are positions in `settings`. */
	readonly tree: MatchTree;
	readonly settings: readonly QuotaBucketSettings[];
}

/** What is done with requests of one bucket. */
export interface QuotaBucketSettings {
	/** Its name, in the order of keys; undefined is no bucket: requests go by what holds without a lease. */
	readonly id: readonly { readonly key: string; readonly value: string | MatchInput }[] | undefined;
	readonly reportMs: number;
	readonly fallback: QuotaFallback;
	readonly deny: {
		readonly status: number;
		readonly body: string;
		readonly grpc: { readonly status: number; readonly message: string } | undefined;
		readonly headers: readonly HeaderAddition[];
	};
}

/** Translates the rate_limit_quota filter. */
export function readRateLimitQuota(
	message: RateLimitQuotaFilterConfig,
	scope: Scope,
): RateLimitQuotaConfig | undefined {
	const service = readCalledService(message.rlqsServer, scope.at("rlqs_server"));
	const settings: QuotaBucketSettings[] = [];
	const readAction = (config: Message) => {
		if (config.$typeName !== "envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaBucketSettings")
			return undefined;
		settings.push(readSettings(config as RateLimitQuotaBucketSettings, scope.at("bucket_matchers")));
		return String(settings.length - 1);
	};
	if (message.bucketMatchers === undefined) {
		scope.at("bucket_matchers").report("this field is required");
		return undefined;
	}
	const tree = readRequestMatcher(message.bucketMatchers, scope.at("bucket_matchers"), readAction);
	return service === undefined ? undefined : { service, domain: message.domain, tree, settings };
}

const allow: QuotaStrategy = { kind: "allow" };

function readSettings(message: RateLimitQuotaBucketSettings, scope: Scope): QuotaBucketSettings {
	const { bucketIdBuilder, denyResponseSettings: deny, noAssignmentBehavior, expiredAssignmentBehavior } = message;
	const without = noAssignmentBehavior?.noAssignmentBehavior;
	const expired = expiredAssignmentBehavior?.expiredAssignmentBehavior;
	const forMs = toMs(expiredAssignmentBehavior?.expiredAssignmentBehaviorTimeout, 0);
	const grpc = deny?.grpcStatus;
	return {
		id:
			bucketIdBuilder === undefined
				? undefined
				: Object.keys(bucketIdBuilder.bucketIdBuilder)
						.sort()
						.map((key) => {
							const value = bucketIdBuilder.bucketIdBuilder[key]!.valueSpecifier;
							if (value.case !== "customValue") return { key, value: value.value ?? "" };
							const at = scope.at("bucket_id_builder", key).at("custom_value").at("typed_config");
							return { key, value: readInput(value.value.typedConfig, at) };
						}),
		reportMs: toMs(message.reportingInterval, 5_000),
		fallback: {
			withoutLease: without?.case === "fallbackRateLimit" ? readStrategy(without.value, scope) : allow,
			expired:
				expired?.case === "fallbackRateLimit"
					? { strategy: readStrategy(expired.value, scope), forMs }
					: expired?.case === "reuseLastAssignment"
						? { strategy: "same", forMs }
						: undefined,
		},
		deny: {
			status: deny?.httpStatus?.code || 429,
			body: deny?.httpBody === undefined ? "" : Buffer.from(deny.httpBody).toString("latin1"),
			grpc: grpc === undefined ? undefined : { status: grpc.code, message: grpc.message },
			headers: readHeaderAdditions(deny?.responseHeadersToAdd ?? [], scope, "response_headers_to_add"),
		},
	};
}

function readInput(any: Any | undefined, scope: Scope): string | MatchInput {
	const config = unpackExtension(any, scope);
	return config === undefined ? "" : readRequestInput(config, scope);
}

function readStrategy(message: RateLimitStrategy, scope: Scope): QuotaStrategy {
	const strategy = readQuotaStrategy(message);
	if (strategy === undefined)
		scope.at("fallback_rate_limit").report("requests_per_time_unit is not supported: use token_bucket");
	return strategy ?? allow;
}

/** Translates a strategy; undefined for one that is not supported. Without a strategy everything passes. */
export function readQuotaStrategy(message: RateLimitStrategy | undefined): QuotaStrategy | undefined {
	const strategy = message?.strategy;
	switch (strategy?.case) {
		case "blanketRule":
			return strategy.value === RateLimitStrategy_BlanketRule.DENY_ALL ? { kind: "deny" } : allow;
		case "tokenBucket": {
			const { maxTokens, tokensPerFill = 1, fillInterval } = strategy.value;
			return {
				kind: "bucket",
				config: { maxTokens, tokensPerFill, fillIntervalMs: Math.max(1, toMs(fillInterval, 0)) },
			};
		}
		case "requestsPerTimeUnit":
			return undefined;
		default:
			return allow;
	}
}
