import type { Millis } from "../../core/index.ts";
import type { Http2Config } from "../runtime-config/index.ts";

const never = Number.POSITIVE_INFINITY;

/** When PINGs are due on a connection, and when one stayed without an answer for too long.
 *  Spec: `core.v3.KeepaliveSettings`. */
export class Http2Keepalive {
	readonly #config: NonNullable<Http2Config["keepalive"]>;
	readonly #ping: () => void;
	#pingAt: Millis;
	#answerBy: Millis = never;
	/** When something last came, or was last asked. */
	#lastRequestAt: Millis;

	/** @param ping sends one */
	constructor(config: NonNullable<Http2Config["keepalive"]>, now: Millis, ping: () => void) {
		this.#config = config;
		this.#ping = ping;
		this.#pingAt = config.intervalMs > 0 ? now + config.intervalMs : never;
		this.#lastRequestAt = now;
	}

	/** When {@link onTime} is due. */
	get nextAt(): Millis {
		return Math.min(this.#pingAt, this.#answerBy);
	}

	/** Whether the answer is overdue. */
	isOverdue(now: Millis): boolean {
		return now >= this.#answerBy;
	}

	/** Sends what is due. @returns when it wants to be asked again */
	onTime(now: Millis): Millis {
		if (now >= this.#pingAt) this.#send(now);
		return this.nextAt;
	}

	/** A request begins: one behind a long silence has a PING before it. */
	onRequest(now: Millis): void {
		const { connectionIdleIntervalMs } = this.#config;
		if (connectionIdleIntervalMs > 0 && now - this.#lastRequestAt >= connectionIdleIntervalMs) this.#send(now);
		this.#lastRequestAt = now;
	}

	onAnswer(): void {
		this.#answerBy = never;
	}

	#send(now: Millis): void {
		const { intervalMs, timeoutMs } = this.#config;
		this.#pingAt = intervalMs > 0 ? now + intervalMs : never;
		if (this.#answerBy === never) this.#answerBy = now + timeoutMs;
		this.#ping();
	}
}
