import type { SharedCount } from "../../core/index.ts";
import { getRuntimeNumber, type Runtime } from "../runtime/index.ts";
import type { CircuitBreakerThresholds } from "./config.ts";

/** A number that the hot path changes. */
export interface Gauge {
	value: number;
	/** The value where it is too large to be exact as a number. */
	exact?: bigint | undefined;
}

/** Whether a limit is reached (1) or not (0), with Envoy's names. */
export interface CircuitBreakerGauges {
	readonly cx_open: Gauge;
	readonly cx_pool_open: Gauge;
	readonly rq_open: Gauge;
	readonly rq_pending_open: Gauge;
	readonly rq_retry_open: Gauge;
}

/** What is left below the limits. */
export interface RemainingGauges {
	readonly remaining_cx: Gauge;
	readonly remaining_cx_pools: Gauge;
	readonly remaining_pending: Gauge;
	readonly remaining_retries: Gauge;
	readonly remaining_rq: Gauge;
}

/** Where the runtime keeps other limits: `circuit_breakers.<cluster>.<priority>`. */
export interface LimitOverrides {
	readonly runtime: Runtime;
	readonly prefix: string;
}

/** The limits of one priority of a cluster and what is in use of them. Every successful acquire is released once. */
export class CircuitBreaker {
	readonly #connections: Limit;
	readonly #pending: Limit;
	readonly #requests: Limit;
	readonly #retries: Limit;
	readonly #pools: Limit;
	readonly #thresholds: CircuitBreakerThresholds;
	readonly #overrides: LimitOverrides | undefined;
	#seen: number | undefined = -1;

	/** `remaining` is given when the thresholds ask for it (`track_remaining`), `shared` where several threads count together; pools
	 *  are of one thread each. */
	constructor(
		thresholds: CircuitBreakerThresholds,
		open: CircuitBreakerGauges,
		remaining?: RemainingGauges,
		shared?: (name: string) => SharedCount,
		overrides?: LimitOverrides,
	) {
		this.#thresholds = thresholds;
		this.#overrides = overrides;
		const pools = thresholds.maxConnectionPools < 0 ? Number.POSITIVE_INFINITY : thresholds.maxConnectionPools;
		this.#connections = new Limit(
			thresholds.maxConnections,
			open.cx_open,
			remaining?.remaining_cx,
			shared?.("connections"),
		);
		this.#pending = new Limit(
			thresholds.maxPendingRequests,
			open.rq_pending_open,
			remaining?.remaining_pending,
			shared?.("pending"),
		);
		this.#requests = new Limit(thresholds.maxRequests, open.rq_open, remaining?.remaining_rq, shared?.("requests"));
		this.#pools = new Limit(pools, open.cx_pool_open, remaining?.remaining_cx_pools, undefined);
		// What a budget leaves depends on other counts, so Envoy does not show it.
		const shown = thresholds.retryBudget === undefined ? remaining?.remaining_retries : undefined;
		this.#retries = new Limit(thresholds.maxRetries, open.rq_retry_open, shown, shared?.("retries"));
	}

	tryAcquireConnection(): boolean {
		this.#refresh();
		return this.#connections.tryAcquire();
	}

	releaseConnection(): void {
		this.#connections.release();
	}

	tryAcquirePending(): boolean {
		this.#refresh();
		return this.#pending.tryAcquire();
	}

	releasePending(): void {
		this.#pending.release();
	}

	tryAcquireRequest(): boolean {
		this.#refresh();
		return this.#requests.tryAcquire();
	}

	releaseRequest(): void {
		this.#requests.release();
	}

	tryAcquirePool(): boolean {
		return this.#pools.tryAcquire();
	}

	releasePool(): void {
		this.#pools.release();
	}

	tryAcquireRetry(): boolean {
		this.#refresh();
		this.#applyRetryBudget();
		return this.#retries.tryAcquire();
	}

	releaseRetry(): void {
		this.#retries.release();
	}

	/** What is allowed at the moment: the runtime's limits where it has some, and what the retry budget comes to. */
	describeLimits(): Pick<
		CircuitBreakerThresholds,
		"maxConnections" | "maxPendingRequests" | "maxRequests" | "maxRetries"
	> {
		this.#refresh();
		this.#applyRetryBudget();
		return {
			maxConnections: this.#connections.maximum,
			maxPendingRequests: this.#pending.maximum,
			maxRequests: this.#requests.maximum,
			maxRetries: this.#retries.maximum,
		};
	}

	/** The limits of a kind that nothing more fits into, with Envoy's names and what they allow: `max_pending_requests 1`. */
	describeReached(kind: "use" | "retries"): string {
		const limits: readonly (readonly [string, Limit])[] =
			kind === "retries"
				? [[this.#thresholds.retryBudget === undefined ? "max_retries" : "retry_budget", this.#retries]]
				: [
						["max_pending_requests", this.#pending],
						["max_requests", this.#requests],
						["max_connections", this.#connections],
					];
		return limits.flatMap(([name, limit]) => (limit.isReached ? `${name} ${limit.maximum}` : [])).join(", ");
	}

	/** A budget goes by the requests that there are, and stands for the limit of retries. */
	#applyRetryBudget(): void {
		const budget = this.#thresholds.retryBudget;
		if (budget === undefined) return;
		const active = this.#requests.inUse + this.#pending.inUse;
		this.#retries.maximum = Math.max(Math.floor((budget.budgetPercent / 100) * active), budget.minRetryConcurrency);
	}

	/** Takes over what the runtime says when it says something new. */
	#refresh(): void {
		const overrides = this.#overrides;
		if (overrides === undefined || overrides.runtime.version === this.#seen) return;
		this.#seen = overrides.runtime.version;
		const { maxConnections, maxPendingRequests, maxRequests, maxRetries } = this.#thresholds;
		const read = (name: string, otherwise: number): number =>
			getRuntimeNumber(overrides.runtime, `${overrides.prefix}.${name}`, otherwise);
		this.#connections.maximum = read("max_connections", maxConnections);
		this.#pending.maximum = read("max_pending_requests", maxPendingRequests);
		this.#requests.maximum = read("max_requests", maxRequests);
		this.#retries.maximum = read("max_retries", maxRetries);
	}
}

class Limit {
	maximum: number;
	/** Of this thread alone, or what all threads have. */
	readonly #shared: SharedCount | undefined;
	#own = 0;
	readonly #open: Gauge;
	readonly #remaining: Gauge | undefined;

	constructor(maximum: number, open: Gauge, remaining: Gauge | undefined, shared: SharedCount | undefined) {
		this.maximum = maximum;
		this.#shared = shared;
		this.#open = open;
		this.#remaining = remaining;
		this.#showRemaining();
	}

	get inUse(): number {
		return this.#shared === undefined ? this.#own : this.#shared.value;
	}

	get isReached(): boolean {
		return this.inUse >= this.maximum;
	}

	tryAcquire(): boolean {
		const isAllowed = this.#shared === undefined ? this.#own < this.maximum : this.#shared.tryAdd(this.maximum);
		if (!isAllowed) return false;
		this.#own++;
		this.#show();
		return true;
	}

	release(): void {
		this.#own--;
		this.#shared?.add(-1);
		this.#show();
	}

	/** A limit of nothing is never shown as reached, as in Envoy: only what is in use changes that. */
	#show(): void {
		this.#open.value = this.isReached ? 1 : 0;
		this.#showRemaining();
	}

	#showRemaining(): void {
		if (this.#remaining === undefined) return;
		const isUnlimited = this.maximum === Number.POSITIVE_INFINITY;
		if (isUnlimited) this.#remaining.exact = unlimited - BigInt(this.inUse);
		this.#remaining.value = isUnlimited ? Number(unlimited) : Math.max(0, this.maximum - this.inUse);
	}
}

/** What Envoy takes for no limit at all. */
const unlimited = 2n ** 64n - 1n;
