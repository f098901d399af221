import type { MessageInitShape } from "@bufbuild/protobuf";
import {
	RateLimitQuotaBucketSettingsSchema,
	RateLimitQuotaFilterConfigSchema,
} from "../../../api/gen/envoy/extensions/filters/http/rate_limit_quota/v3/rate_limit_quota_pb.js";
import { ConfigSchema } from "../../../api/gen/envoy/extensions/filters/http/set_filter_state/v3/set_filter_state_pb.js";
import { FilterStateInputSchema } from "../../../api/gen/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.js";
import { HttpRequestHeaderMatchInputSchema } from "../../../api/gen/envoy/type/matcher/v3/http_inputs_pb.js";
import {
	RateLimitStrategy_BlanketRule,
	type RateLimitStrategySchema,
} from "../../../api/gen/envoy/type/v3/ratelimit_strategy_pb.js";
import type {
	Matcher_MatcherList_PredicateSchema,
	MatcherSchema,
} from "../../../api/gen/xds/type/matcher/v3/matcher_pb.js";
import type { RateLimit } from "../../../model/index.ts";
import { duration, extension, headerValue, packAny } from "../messages.ts";
import type { EnforcedLimit } from "./enforced-limit.ts";
import { localLimitFilter } from "./local-filter.ts";
import { limitFilterName, quotaClusterName, quotaDomain, quotaNodeHeader } from "./names.ts";
import { type HeaderTerm, keyFormat, matchTerms } from "./request-terms.ts";
import { fillOf } from "./token-bucket.ts";

/** How often proxies report; a stock Envoy does every 5 s whatever it is told. */
const reportMs = 1_000;
/** How long a proxy goes by its share before a bucket begins anew. */
const withoutLeaseMs = 24 * 3_600_000;

/** A limit that all proxies share: the values of its keys as filter state, and the filter that takes a lease for them.
 *  Spec: `envoy.extensions.filters.http.rate_limit_quota.v3`. */
export function globalLimitFilters(enforced: EnforcedLimit) {
	const { limit, name, trustDomain, caller, node } = enforced;
	const keys = limit.keys.map((key, position) => ({
		entry: `${position}`,
		state: `amime.rate_limit.${name}.${position}`,
		format: keyFormat(key, caller),
	}));
	const settings = packAny(RateLimitQuotaBucketSettingsSchema, {
		bucketIdBuilder: {
			bucketIdBuilder: {
				limit: { valueSpecifier: { case: "stringValue", value: name } },
				...Object.fromEntries(
					keys.map(({ entry, state }) => [
						entry,
						{
							valueSpecifier: {
								case: "customValue" as const,
								value: { name: "filter_state", typedConfig: packAny(FilterStateInputSchema, { key: state }) },
							},
						},
					]),
				),
			},
		},
		reportingInterval: duration(reportMs),
		denyResponseSettings: {
			httpStatus: { code: 429 },
			httpBody: Buffer.from(enforced.answer.body),
			grpcStatus: { code: 8, message: enforced.answer.body.trim() },
			responseHeadersToAdd: enforced.answer.headers.map(([header, value]) => headerValue(header, value, "set")),
		},
		noAssignmentBehavior: {
			noAssignmentBehavior: {
				case: "fallbackRateLimit",
				value: { strategy: isCapped(enforced) ? allowAll : strategyWithoutLease(enforced) },
			},
		},
		expiredAssignmentBehavior: {
			expiredAssignmentBehaviorTimeout: duration(withoutLeaseMs),
			expiredAssignmentBehavior: { case: "fallbackRateLimit", value: { strategy: strategyWithoutLease(enforced) } },
		},
	});
	return [
		...(isCapped(enforced)
			? [localLimitFilter({ ...enforced, limit: { ...limit, sendsHeaders: false } }, "/cap")]
			: []),
		...(keys.length === 0
			? []
			: [
					extension(`${limitFilterName(name)}/keys`, ConfigSchema, {
						onRequestHeaders: keys.map(({ state, format }) => ({
							key: { case: "objectKey" as const, value: state },
							factoryKey: "envoy.string",
							value: {
								case: "formatString" as const,
								value: {
									format: {
										case: "textFormatSource" as const,
										value: { specifier: { case: "inlineString" as const, value: format } },
									},
								},
							},
						})),
					}),
				]),
		extension(limitFilterName(name), RateLimitQuotaFilterConfigSchema, {
			rlqsServer: {
				targetSpecifier: { case: "envoyGrpc", value: { clusterName: quotaClusterName, authority: "amime" } },
				initialMetadata: node === undefined ? [] : [{ key: quotaNodeHeader, value: node.replaceAll("%", "%%") }],
			},
			domain: quotaDomain,
			bucketMatchers: bucketMatcher(matchTerms(limit, trustDomain), {
				onMatch: { case: "action", value: { name: "bucket", typedConfig: settings } },
			}),
		}),
	];
}

type OnMatch = NonNullable<
	Extract<MessageInitShape<typeof MatcherSchema>, { readonly $typeName?: undefined }>["onNoMatch"]
>;
type PredicateInit = Extract<
	MessageInitShape<typeof Matcher_MatcherList_PredicateSchema>,
	{ readonly $typeName?: undefined }
>;

function bucketMatcher(terms: readonly HeaderTerm[], outcome: OnMatch): MessageInitShape<typeof MatcherSchema> {
	if (terms.length === 0) return { onNoMatch: outcome };
	const predicates = terms.map(toPredicate);
	return {
		matcherType: {
			case: "matcherList",
			value: { matchers: [{ predicate: combine("andMatcher", predicates), onMatch: outcome }] },
		},
	};
}

function combine(kind: "andMatcher" | "orMatcher", predicates: readonly PredicateInit[]): PredicateInit {
	if (predicates.length === 1) return predicates[0]!;
	return { matchType: { case: kind, value: { predicate: [...predicates] } } };
}

function toPredicate({ name, patterns, isNegated }: HeaderTerm): PredicateInit {
	const input = {
		name: "request_header",
		typedConfig: packAny(HttpRequestHeaderMatchInputSchema, { headerName: name }),
	};
	const any = combine(
		"orMatcher",
		patterns.map(({ kind, value }) => ({
			matchType: {
				case: "singlePredicate",
				value: {
					input,
					matcher: {
						case: "valueMatch",
						value: {
							matchPattern:
								kind === "regex"
									? {
											case: "safeRegex",
											value: { engineType: { case: "googleRe2", value: {} }, regex: value },
										}
									: { case: kind, value },
						},
					},
				},
			},
		})),
	);
	return isNegated ? { matchType: { case: "notMatcher", value: any } } : any;
}

type StrategyInit = NonNullable<
	Extract<MessageInitShape<typeof RateLimitStrategySchema>, { readonly $typeName?: undefined }>["strategy"]
>;

const allowAll: StrategyInit = { case: "blanketRule", value: RateLimitStrategy_BlanketRule.ALLOW_ALL };

/** Envoy 1.40 ends with a segmentation fault where a bucket without its first lease has a token bucket: there requests pass until the lease
 *  comes, and the proxy counts the whole limit for itself besides, so that it is never without one. */
function isCapped({ kind, limit }: EnforcedLimit): boolean {
	return kind === "envoy" && !limit.isDryRun && limit.withoutLease === "share";
}

function strategyWithoutLease({ limit, proxies }: EnforcedLimit): StrategyInit {
	if (limit.isDryRun || limit.withoutLease === "open") return allowAll;
	if (limit.withoutLease === "closed") return { case: "blanketRule", value: RateLimitStrategy_BlanketRule.DENY_ALL };
	const share = shareOf(limit, proxies);
	return {
		case: "tokenBucket",
		value: {
			maxTokens: Math.max(1, Math.floor(limit.burst * share)),
			...fillOf((limit.requests / limit.unitSeconds) * share),
		},
	};
}

/** A power of two, so that proxies that come and go seldom change anybody's configuration. */
function shareOf({ sharePercent }: RateLimit, proxies: number): number {
	return sharePercent === undefined ? 1 / roundUpProxies(proxies) : sharePercent / 100;
}

/** The number of proxies that a budget is divided by. */
export function roundUpProxies(proxies: number): number {
	return 2 ** Math.ceil(Math.log2(Math.max(1, proxies)));
}
