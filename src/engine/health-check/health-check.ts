import type { Random } from "../../core/index.ts";

/** Thresholds and intervals of a health check. */
export interface HealthCheckTerms {
	readonly unhealthyThreshold: number;
	readonly healthyThreshold: number;
	readonly intervalMs: number;
	readonly intervalJitterMs: number;
	readonly intervalJitterPercent: number;
	readonly noTrafficIntervalMs: number;
	readonly noTrafficHealthyIntervalMs: number;
	readonly unhealthyIntervalMs: number;
	readonly unhealthyEdgeIntervalMs: number;
	readonly healthyEdgeIntervalMs: number;
}

/** What one check found. */
export type CheckResult =
	| { readonly kind: "passed"; readonly degraded: boolean }
	/** The host says that it is not well: counts at once. */
	| { readonly kind: "refused"; readonly httpStatus?: number }
	/** A failure that may pass: counts when it came often enough in a row. */
	| { readonly kind: "retriable"; readonly httpStatus?: number }
	| { readonly kind: "network" }
	| { readonly kind: "timeout" };

/** `pending`: the threshold for a change is not reached yet. */
export type CheckTransition = "unchanged" | "pending" | "changed";

/** What checks have found of one host. */
export class HostCheckState {
	isFailed: boolean;
	isDegraded = false;
	isTimedOut = false;
	/** No result has come yet. */
	isFirst = true;
	#successes = 0;
	#failures = 0;

	/** Hosts count as failed until a check passed. */
	constructor(isFailed = true) {
		this.isFailed = isFailed;
	}

	/** Takes a result in. The first one counts at once when it is good. */
	onResult(result: CheckResult, terms: HealthCheckTerms): CheckTransition {
		const transition =
			result.kind === "passed" ? this.#onPassed(result.degraded, terms) : this.#onFailed(result, terms);
		this.isFirst = false;
		return transition;
	}

	#onPassed(degraded: boolean, terms: HealthCheckTerms): CheckTransition {
		this.#failures = 0;
		let transition: CheckTransition = "unchanged";
		if (this.isFailed) {
			transition = "pending";
			if (this.isFirst || ++this.#successes >= terms.healthyThreshold) {
				this.isFailed = false;
				this.isTimedOut = false;
				transition = "changed";
			}
		}
		if (degraded !== this.isDegraded) {
			this.isDegraded = degraded;
			transition = "changed";
		}
		return transition;
	}

	#onFailed(result: CheckResult, terms: HealthCheckTerms): CheckTransition {
		this.#successes = 0;
		if (this.isFailed) {
			this.isTimedOut = result.kind === "timeout";
			return "unchanged";
		}
		if (result.kind !== "refused" && ++this.#failures < terms.unhealthyThreshold) return "pending";
		this.isFailed = true;
		this.isTimedOut = result.kind === "timeout";
		return "changed";
	}
}

/** Milliseconds until the next check of a host: slow while the cluster has had no traffic, at the edges as configured. */
export function computeCheckInterval(
	terms: HealthCheckTerms,
	passed: boolean,
	transition: CheckTransition,
	hasTraffic: boolean,
	random: Random,
): number {
	const base = baseInterval(terms, passed, transition, hasTraffic);
	const jitter = random.next() * ((terms.intervalJitterPercent * base) / 100) + random.next() * terms.intervalJitterMs;
	return Math.max(1, Math.floor(base + jitter));
}

function baseInterval(
	terms: HealthCheckTerms,
	passed: boolean,
	transition: CheckTransition,
	hasTraffic: boolean,
): number {
	const isPending = transition === "pending";
	if (!hasTraffic) return passed && !isPending ? terms.noTrafficHealthyIntervalMs : terms.noTrafficIntervalMs;
	if (passed) return isPending ? terms.healthyEdgeIntervalMs : terms.intervalMs;
	return isPending ? terms.unhealthyEdgeIntervalMs : terms.unhealthyIntervalMs;
}
