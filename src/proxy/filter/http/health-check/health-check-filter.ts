import { getHeader } from "../../../../core/index.ts";
import { ResponseFlag } from "../../../../engine/format/index.ts";
import { matchRequestHeaders } from "../../../../engine/matcher/index.ts";
import type { DataPathContext } from "../../../data-path-context.ts";
import type { HealthCheckFilterConfig } from "../../../runtime-config/index.ts";
import { createHealthCheckFilterStats } from "../../../stats/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";

/** What the upstream last said of itself. */
interface CachedAnswer {
	readonly status: number;
	readonly isDegraded: boolean;
	readonly until: number;
}

/** Answers health checks of the proxy's neighbours, or lets them through to the upstream. Spec:
 *  `envoy.extensions.filters.http.health_check.v3`. */
export function createHealthCheckFilter(
	{ name, disabled, index, context, scope }: FilterParts,
	config: HealthCheckFilterConfig,
): HttpFilter {
	const stats = createHealthCheckFilterStats(scope.scope("health_check"));
	let cached: CachedAnswer | undefined;
	/** The cache empties on a beat of its own, whenever an answer came. */
	const startedAt = context.clock.now();
	const nextBeat = (now: number): number =>
		startedAt + (Math.floor((now - startedAt) / config.cacheMs) + 1) * config.cacheMs;
	const isFresh = (stream: FilterStream): boolean => cached !== undefined && stream.now() < cached.until;
	const answer = (stream: FilterStream): void => {
		const verdict = decide(config, context, cached);
		const isGood = verdict.status >= 200 && verdict.status < 300;
		stats.request_total.value++;
		if (verdict.isDegraded) stats.degraded.value++;
		(isGood ? stats.ok : stats.failed).value++;
		if (verdict.counted !== undefined) stats[verdict.counted].value++;
		stream.sendLocalReply({
			status: verdict.status,
			body: "",
			details: verdict.details,
			flags: isGood ? 0 : ResponseFlag.failedLocalHealthCheck,
			headers: verdict.isDegraded ? ["x-envoy-degraded", ""] : [],
		});
	};
	return {
		name,
		disabled,
		index,
		onRequestHead(stream, endStream) {
			if (!matchRequestHeaders(config.headers, stream.request)) return "continue";
			stream.setState(index, true);
			stream.record.healthCheck = true;
			const isFailing = context.localHealth.isFailing;
			if (config.passThrough && !isFailing && !isFresh(stream)) return "continue";
			if (!endStream) {
				stream.setState(index, "handling");
				return "stop-head";
			}
			answer(stream);
			return "stop";
		},
		onRequestBody(stream, chunk, last) {
			if (stream.getState(index) !== "handling") return "continue";
			chunk.bytes = chunk.bytes.subarray(0, 0);
			if (last) answer(stream);
			return "taken";
		},
		onRequestTrailers(stream) {
			if (stream.getState(index) !== "handling") return "continue";
			answer(stream);
			return "stop";
		},
		onResponseHead(stream, head) {
			if (context.localHealth.isFailing) head.set("x-envoy-immediate-health-check-fail", "true");
			if (stream.getState(index) === undefined) return;
			if (config.cacheMs > 0) {
				const isDegraded = getHeader(head.headers, "x-envoy-degraded") !== undefined;
				cached = { status: head.status, isDegraded, until: nextBeat(stream.now()) };
			}
			head.set("x-envoy-upstream-healthchecked-cluster", context.nodeCluster);
		},
	};
}

/** What the proxy says of itself. */
interface Verdict {
	readonly status: number;
	readonly details: string;
	readonly isDegraded: boolean;
	/** The counter of the reason. */
	readonly counted?:
		| "cached_response"
		| "failed_cluster_not_found"
		| "failed_cluster_empty"
		| "failed_cluster_unhealthy";
}

function decide(config: HealthCheckFilterConfig, context: DataPathContext, cached: CachedAnswer | undefined): Verdict {
	if (context.localHealth.isFailing) return { status: 503, details: "health_check_failed", isDegraded: false };
	if (config.passThrough && cached !== undefined) {
		const { status, isDegraded } = cached;
		return { status, details: "health_check_cached", isDegraded, counted: "cached_response" };
	}
	for (const [name, percent] of config.minHealthyPercents) {
		const failure = judgeCluster(context, name, percent);
		if (failure !== undefined) return failure;
	}
	const details = config.minHealthyPercents.size > 0 ? "health_check_ok_cluster_healthy" : "health_check_ok";
	return { status: 200, details, isDegraded: false };
}

const failed = { status: 503, isDegraded: false } as const;
const notFound = {
	...failed,
	details: "health_check_failed_no_cluster_found",
	counted: "failed_cluster_not_found",
} as const;
const empty = { ...failed, details: "health_check_failed_cluster_empty", counted: "failed_cluster_empty" } as const;
const unhealthy = {
	...failed,
	details: "health_check_failed_cluster_unhealthy",
	counted: "failed_cluster_unhealthy",
} as const;

function judgeCluster(context: DataPathContext, name: string, percent: number): Verdict | undefined {
	const stats = context.getCluster(name)?.cluster.stats;
	if (stats === undefined) return notFound;
	const total = stats.membership_total.value;
	if (total === 0) return percent === 0 ? undefined : empty;
	return stats.membership_healthy.value >= (total * percent) / 100 ? undefined : unhealthy;
}
