import type { Millis } from "../../core/index.ts";

/** `envoy.type.v3.TokenBucket`. */
export interface TokenBucketConfig {
	readonly maxTokens: number;
	readonly tokensPerFill: number;
	readonly fillIntervalMs: number;
}

/** Fills continuously, up to its bound; begins full. Changes its own state in place: it is asked for every request. */
export class TokenBucket {
	readonly maxTokens: number;
	/** Tokens a second. */
	readonly fillRate: number;
	/** The moment at which the bucket, filling at its rate, was empty. */
	#emptyAt: number;

	constructor({ maxTokens, tokensPerFill, fillIntervalMs }: TokenBucketConfig, now: Millis) {
		this.maxTokens = maxTokens;
		this.fillRate = tokensPerFill / (fillIntervalMs / 1000);
		this.#emptyAt = now - (maxTokens / this.fillRate) * 1000;
	}

	/** Takes tokens when there are that many. */
	consume(tokens: number, now: Millis): boolean {
		const total = this.#count(now);
		if (total < tokens) return false;
		this.#emptyAt = now - ((total - tokens) / this.fillRate) * 1000;
		return true;
	}

	/** Whole tokens that are left. */
	remaining(now: Millis): number {
		return Math.floor(this.#count(now));
	}

	/** Seconds until there is a token, rounded up; 0 while there is one. */
	nextTokenSeconds(now: Millis): number {
		const total = this.#count(now);
		return total >= 1 ? 0 : Math.ceil(Math.ceil(((1 - total) / this.fillRate) * 1000) / 1000);
	}

	#count(now: Millis): number {
		// Counting with times loses the last digits of a token: what is off by less than any request could notice is whole.
		const total = ((now - this.#emptyAt) / 1000) * this.fillRate;
		return Math.min(this.maxTokens, Math.round(total * 1e6) / 1e6);
	}
}
