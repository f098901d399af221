import type { Clock, Millis } from "../../core/index.ts";
import type { TokenBucketConfig } from "../runtime-config/index.ts";

/** A token bucket that fills all the time, as Envoy's does: `tokensPerFill` tokens within each `fillIntervalMs`. */
export class ConnectionBucket {
	readonly #config: TokenBucketConfig;
	readonly #clock: Clock;
	#tokens: number;
	#filledAt: Millis;

	constructor(config: TokenBucketConfig, clock: Clock) {
		this.#config = config;
		this.#clock = clock;
		this.#tokens = config.maxTokens;
		this.#filledAt = clock.now();
	}

	/** @returns false when there is no token left */
	take(): boolean {
		const { maxTokens, tokensPerFill, fillIntervalMs } = this.#config;
		const now = this.#clock.now();
		this.#tokens = Math.min(maxTokens, this.#tokens + ((now - this.#filledAt) * tokensPerFill) / fillIntervalMs);
		this.#filledAt = now;
		if (this.#tokens < 1) return false;
		this.#tokens--;
		return true;
	}
}
