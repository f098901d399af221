import type { Random } from "../../core/index.ts";

/** Why a request is traced or not, as Envoy counts it (`http.<stat_prefix>.tracing.*`). */
export type TraceReason = "service-forced" | "client-enabled" | "random-sampling" | "health-check" | "not-traceable";

/** Whether a request is traced. */
export interface TraceDecision {
	readonly sampled: boolean;
	readonly reason: TraceReason;
}

/** Shares in [0, 1] of the HTTP connection manager's tracing config. */
export interface SamplingConfig {
	/** Of requests with `x-client-trace-id`. */
	readonly clientSampling: number;
	/** Of all requests. */
	readonly randomSampling: number;
	/** Cap on what the others chose. */
	readonly overallSampling: number;
}

/** What is known of the request. */
export interface SamplingFacts {
	/** `x-envoy-force-trace` on a request from inside. */
	readonly forced: boolean;
	/** `x-client-trace-id` is there. */
	readonly clientTraceId: boolean;
	readonly healthCheck: boolean;
}

const traced = {
	forced: Object.freeze({ sampled: true, reason: "service-forced" }),
	client: Object.freeze({ sampled: true, reason: "client-enabled" }),
	random: Object.freeze({ sampled: true, reason: "random-sampling" }),
	healthCheck: Object.freeze({ sampled: false, reason: "health-check" }),
	no: Object.freeze({ sampled: false, reason: "not-traceable" }),
} satisfies Record<string, TraceDecision>;

/** Decides in Envoy's order: forced, by the client, at random; then all but health checks are cut to the overall share. */
export function decideSampling(config: SamplingConfig, facts: SamplingFacts, random: Random): TraceDecision {
	if (facts.healthCheck) return traced.healthCheck;
	const wanted = facts.forced
		? traced.forced
		: facts.clientTraceId && random.next() < config.clientSampling
			? traced.client
			: random.next() < config.randomSampling
				? traced.random
				: traced.no;
	if (!wanted.sampled) return wanted;
	return config.overallSampling >= 1 || random.next() < config.overallSampling ? wanted : traced.no;
}
