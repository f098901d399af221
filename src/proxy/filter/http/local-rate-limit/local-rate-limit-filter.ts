import type { HeaderList, Millis } from "../../../../core/index.ts";
import { ResponseFlag } from "../../../../engine/format/index.ts";
import {
	createDescriptors,
	createRateLimiter,
	type Descriptor,
	type RateLimiter,
	type RateLimitPolicy,
	type RateLimitVerdict,
	type TokenBucket,
} from "../../../../engine/rate-limit/index.ts";
import { createHeaderOperations, type HeaderOperations } from "../../../../engine/router/index.ts";
import { isInFraction, type RuntimeFraction } from "../../../../engine/runtime/index.ts";
import type { LocalRateLimitConfig } from "../../../runtime-config/index.ts";
import { createLocalRateLimitStats, type LocalRateLimitStats } from "../../../stats/index.ts";
import { destinationOf } from "../destination.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { describeLimit } from "../limit-name.ts";
import { routeConfigOf } from "../route-configs.ts";

const resourceExhausted = 8;

/** A config with its buckets and counters: the chain's or a route's. */
interface Limit {
	readonly config: LocalRateLimitConfig;
	readonly stats: LocalRateLimitStats;
	readonly limiter: RateLimiter;
	readonly requestHeaders: HeaderOperations;
	readonly responseHeaders: HeaderOperations;
}

/** What the answer needs. */
interface Judged {
	readonly limit: Limit;
	readonly verdict: RateLimitVerdict;
}

/** Limits requests by token buckets of this process. Spec: `envoy.extensions.filters.http.local_ratelimit.v3`. */
export function createLocalRateLimitFilter(parts: FilterParts, config: LocalRateLimitConfig): HttpFilter {
	const { name, disabled, index, context } = parts;
	/** Buckets of routes live as long as the routes' configs. */
	const limits = new WeakMap<LocalRateLimitConfig, Limit>();
	const perConnection = new WeakMap<object, RateLimiter>();
	const limitOf = (used: LocalRateLimitConfig): Limit => {
		const known = limits.get(used);
		if (known !== undefined) return known;
		const limit = createLimit(used, parts);
		limits.set(used, limit);
		return limit;
	};
	const own = limitOf(config);
	const limiterOf = (stream: FilterStream, limit: Limit): RateLimiter => {
		if (!limit.config.perConnection) return limit.limiter;
		const known = perConnection.get(stream.connection);
		if (known !== undefined) return known;
		const limiter = createRateLimiter(limit.config.limiter, stream.now());
		perConnection.set(stream.connection, limiter);
		return limiter;
	};
	const draws = (fraction: RuntimeFraction | undefined): boolean =>
		fraction !== undefined && isInFraction(fraction, context.random.next(), context.runtime);
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const ofRoute = routeConfigOf(stream, name, "local-rate-limit");
			const limit = ofRoute === undefined ? own : limitOf(ofRoute.config);
			const { config: used, stats } = limit;
			if (!draws(used.enabled)) return "continue";
			stats.enabled.value++;
			const descriptors = describeRequest(stream, used, context.nodeCluster);
			const verdict = limiterOf(stream, limit).check(descriptors, stream.now());
			stream.setState(index, { limit, verdict } satisfies Judged);
			if (verdict.isAllowed) {
				stats.ok.value++;
				return "continue";
			}
			stats.rate_limited.value++;
			if (verdict.isShadow) {
				stats.shadow_mode.value++;
				return "continue";
			}
			if (!draws(used.enforced)) {
				limit.requestHeaders.apply(stream.request.headers, stream.record);
				return "continue";
			}
			stats.enforced.value++;
			stream.setDynamicMetadata("amime", { denied: describeLimit(name) });
			const headers: HeaderList = [];
			if (used.sendsRetryAfter && used.status === 429 && verdict.bucket !== undefined) {
				headers.push("retry-after", resetSeconds(verdict.bucket, stream.now()));
			}
			limit.responseHeaders.apply(headers, stream.record);
			stream.sendLocalReply({
				status: used.status,
				body: "local_rate_limited",
				details: "local_rate_limited",
				flags: 0,
				lateFlags: ResponseFlag.rateLimited,
				headers,
				...(used.limitedAsResourceExhausted ? { grpcStatus: resourceExhausted } : {}),
			});
			return "stop";
		},
		onResponseHead(stream, head) {
			const judged = stream.getState(index) as Judged | undefined;
			const bucket = judged?.verdict.bucket;
			if (judged === undefined || bucket === undefined) return;
			const option = judged.verdict.headers;
			if (option === "off" || (option === "unspecified" && !judged.limit.config.sendsRateLimitHeaders)) return;
			const now = stream.now();
			head.add("x-ratelimit-limit", String(bucket.maxTokens));
			head.add("x-ratelimit-remaining", String(bucket.remaining(now)));
			head.add("x-ratelimit-reset", resetSeconds(bucket, now));
		},
	};
}

function resetSeconds(bucket: TokenBucket, now: Millis): string {
	return String(bucket.nextTokenSeconds(now));
}

function createLimit(config: LocalRateLimitConfig, { context }: FilterParts): Limit {
	return {
		config,
		stats: createLocalRateLimitStats(context.stats.scope(`${config.statPrefix}.http_local_rate_limit`)),
		limiter: createRateLimiter(config.limiter, context.clock.now()),
		requestHeaders: createHeaderOperations([{ add: config.requestHeadersWhenNotEnforced, remove: [] }]),
		responseHeaders: createHeaderOperations([{ add: config.responseHeaders, remove: [] }]),
	};
}

function describeRequest(stream: FilterStream, config: LocalRateLimitConfig, localCluster: string): Descriptor[] {
	if (config.limiter.descriptors.length === 0) return [];
	const { record, request } = stream;
	const context = { stream: record, request, localCluster, destinationCluster: destinationOf(stream) };
	return createDescriptors(config.policies.length > 0 ? config.policies : policiesOf(stream, config), context);
}

/** The policies of the route and of its virtual host that belong to the filter's stage. */
function policiesOf({ route }: FilterStream, config: LocalRateLimitConfig): RateLimitPolicy[] {
	if (route?.action.kind !== "forward") return [];
	const own = route.action.rateLimits;
	const mode = route.action.includesVirtualHostRateLimits ? "include" : config.virtualHostPolicies;
	const takesHost = mode === "include" || (mode === "override" && own.length === 0);
	const policies = takesHost ? [...own, ...route.virtualHostRateLimits] : own;
	return policies.filter(({ stage, disableKey }) => stage === config.stage && disableKey === "");
}
