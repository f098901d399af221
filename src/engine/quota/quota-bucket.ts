import type { Millis } from "../../core/index.ts";
import { TokenBucket, type TokenBucketConfig } from "../rate-limit/index.ts";

/** How requests of a bucket are limited. Spec: `envoy.type.v3.RateLimitStrategy`. */
export type QuotaStrategy =
	| { readonly kind: "allow" }
	| { readonly kind: "deny" }
	| { readonly kind: "bucket"; readonly config: TokenBucketConfig };

/** What holds for a bucket without a lease. */
export interface QuotaFallback {
	/** Until the first lease. */
	readonly withoutLease: QuotaStrategy;
	/** For `forMs` after a lease has ended; then what holds without one. Undefined: that at once. */
	readonly expired: { readonly strategy: QuotaStrategy | "same"; readonly forMs: number } | undefined;
}

/** What a bucket did since it was last asked. */
export interface QuotaUsage {
	readonly allowed: number;
	readonly denied: number;
	readonly elapsedMs: number;
}

/** Requests of one name that share a budget, as far as this process has a lease of it. Changes its state in place: it is asked for every
 *  request. Spec: `envoy.service.rate_limit_quota.v3`, states "no assignment", "active", "expired". */
export class QuotaBucket {
	/** Its name, by key. */
	readonly id: Readonly<Record<string, string>>;
	usedAt: Millis;
	readonly #fallback: QuotaFallback;
	#strategy: QuotaStrategy;
	#tokens: TokenBucket | undefined;
	#phase: "none" | "leased" | "expired" = "none";
	#endsAt: Millis = Number.POSITIVE_INFINITY;
	#allowed = 0;
	#denied = 0;
	#countedSince: Millis;

	constructor(id: Readonly<Record<string, string>>, fallback: QuotaFallback, now: Millis) {
		this.id = id;
		this.usedAt = now;
		this.#fallback = fallback;
		this.#countedSince = now;
		this.#strategy = fallback.withoutLease;
		this.#start(now);
	}

	/** Counts a request, and says whether it may pass. */
	take(now: Millis): boolean {
		this.usedAt = now;
		if (now >= this.#endsAt) this.#end(this.#endsAt);
		if (this.#mayPass(now)) {
			this.#allowed++;
			return true;
		}
		this.#denied++;
		return false;
	}

	/** A lease: the same as the one in force goes on, any other begins with a full bucket. */
	assign(strategy: QuotaStrategy, ttlMs: number | undefined, now: Millis): void {
		const isSame = this.#phase === "leased" && now < this.#endsAt && isSameStrategy(this.#strategy, strategy);
		this.#phase = "leased";
		this.#endsAt = ttlMs === undefined ? Number.POSITIVE_INFINITY : now + ttlMs;
		if (isSame) return;
		this.#strategy = strategy;
		this.#start(now);
	}

	/** Whether there is anything to report. */
	get hasUsage(): boolean {
		return this.#allowed > 0 || this.#denied > 0;
	}

	/** How long ago its usage was last taken. */
	unreportedMs(now: Millis): number {
		return now - this.#countedSince;
	}

	/** Takes what was counted. */
	takeUsage(now: Millis): QuotaUsage {
		const usage = { allowed: this.#allowed, denied: this.#denied, elapsedMs: now - this.#countedSince };
		this.#allowed = 0;
		this.#denied = 0;
		this.#countedSince = now;
		return usage;
	}

	#mayPass(now: Millis): boolean {
		switch (this.#strategy.kind) {
			case "allow":
				return true;
			case "deny":
				return false;
			case "bucket":
				return this.#tokens!.consume(1, now);
		}
	}

	#start(now: Millis): void {
		this.#tokens = this.#strategy.kind === "bucket" ? new TokenBucket(this.#strategy.config, now) : undefined;
	}

	/** The lease, or what came after it, is over since `at`. */
	#end(at: Millis): void {
		const { expired, withoutLease } = this.#fallback;
		const isAfterLease = this.#phase === "leased" && expired !== undefined;
		const next = isAfterLease ? expired.strategy : withoutLease;
		this.#phase = isAfterLease ? "expired" : "none";
		this.#endsAt = isAfterLease ? at + expired.forMs : Number.POSITIVE_INFINITY;
		if (next === "same" || isSameStrategy(this.#strategy, next)) return;
		this.#strategy = next;
		this.#start(at);
	}
}

function isSameStrategy(left: QuotaStrategy, right: QuotaStrategy): boolean {
	if (left.kind !== "bucket" || right.kind !== "bucket") return left.kind === right.kind;
	return (
		left.config.maxTokens === right.config.maxTokens &&
		left.config.tokensPerFill === right.config.tokensPerFill &&
		left.config.fillIntervalMs === right.config.fillIntervalMs
	);
}
