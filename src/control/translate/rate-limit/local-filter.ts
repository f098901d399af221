import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HeaderMatcherSchema } from "../../../api/gen/envoy/config/route/v3/route_components_pb.js";
import { XRateLimitHeadersRFCVersion } from "../../../api/gen/envoy/extensions/common/ratelimit/v3/ratelimit_pb.js";
import { LocalRateLimitSchema } from "../../../api/gen/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js";
import { extension, fractionalPercent, headerValue, quoteRegex, stringMatcher } from "../messages.ts";
import type { EnforcedLimit } from "./enforced-limit.ts";
import { limitFilterName } from "./names.ts";
import { descriptorKeyOf, type HeaderTerm, keyAction, matchTerms } from "./request-terms.ts";

/** A limit that each proxy counts for itself. Spec: `envoy.extensions.filters.http.local_ratelimit.v3`.
 *  @param suffix of the filter's name */
export function localLimitFilter({ limit, name, trustDomain, caller, answer }: EnforcedLimit, suffix = "") {
	const terms = matchTerms(limit, trustDomain);
	const entry = { key: "limit", value: limit.name };
	const first =
		terms.length === 0
			? {
					case: "genericKey" as const,
					value: { descriptorKey: entry.key, descriptorValue: limit.name },
				}
			: {
					case: "headerValueMatch" as const,
					value: { descriptorKey: entry.key, descriptorValue: limit.name, headers: terms.map(toHeaderMatcher) },
				};
	const keys = limit.keys.map((key, position) => {
		const name = descriptorKeyOf(key, position);
		return { name, action: keyAction(key, name, caller) };
	});
	return extension(limitFilterName(name + suffix), LocalRateLimitSchema, {
		statPrefix: `rate_limit.${(name + suffix).replaceAll("/", ".")}`,
		filterEnabled: { defaultValue: fractionalPercent(100), runtimeKey: "amime.rate_limit.enabled" },
		filterEnforced: {
			defaultValue: fractionalPercent(limit.isDryRun ? 0 : 100),
			runtimeKey: "amime.rate_limit.enforced",
		},
		rateLimits: [
			{
				actions: [{ actionSpecifier: first }, ...keys.map(({ action }) => action)],
			},
		],
		descriptors: [
			{
				entries: [entry, ...keys.map((key) => ({ key: key.name, value: "" }))],
				tokenBucket: {
					maxTokens: limit.burst,
					tokensPerFill: limit.requests,
					fillInterval: { seconds: BigInt(limit.unitSeconds), nanos: 0 },
				},
			},
		],
		maxDynamicDescriptors: limit.maxKeys,
		alwaysConsumeDefaultTokenBucket: false,
		enableXRatelimitHeaders: limit.sendsHeaders
			? XRateLimitHeadersRFCVersion.DRAFT_VERSION_03
			: XRateLimitHeadersRFCVersion.OFF,
		responseHeadersToAdd: answer.headers.map(([header, value]) => headerValue(header, value, "set")),
		rateLimitedAsResourceExhausted: true,
	});
}

/** One matcher a term; several values become one expression. */
function toHeaderMatcher({ name, patterns, isNegated }: HeaderTerm): MessageInitShape<typeof HeaderMatcherSchema> {
	const [only] = patterns;
	const matcher =
		patterns.length === 1
			? stringMatcher(only!.kind, only!.value)
			: stringMatcher("regex", patterns.map(({ kind, value }) => asPattern(kind, value)).join("|"));
	return {
		name,
		headerMatchSpecifier: { case: "stringMatch", value: matcher },
		...(isNegated && { invertMatch: true }),
	};
}

function asPattern(kind: HeaderTerm["patterns"][number]["kind"], value: string): string {
	if (kind === "regex") return `(${value})`;
	return kind === "exact" ? quoteRegex(value) : `${quoteRegex(value)}.*`;
}
