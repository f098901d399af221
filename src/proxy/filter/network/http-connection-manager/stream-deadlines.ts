import type { Millis } from "../../../../core/index.ts";
import type { ScaledTimeout } from "../../../overload/index.ts";

const never = Number.POSITIVE_INFINITY;

/** Which limit of a stream struck. */
export type StreamLimit = "duration" | "request" | "idle";

/** When a stream's limits strike. Plain numbers: they move with every read and write. */
export class StreamDeadlines {
	#idle: ScaledTimeout;
	/** When bytes went last; Infinity when that does not matter. */
	#idleSince = never;
	#requestAt = never;
	#durationAt = never;

	constructor(idle: ScaledTimeout) {
		this.#idle = idle;
	}

	/** Bytes went either way. */
	touch(now: Millis): void {
		this.#idleSince = now;
	}

	setIdleLimit(idle: ScaledTimeout, now: Millis): void {
		this.#idle = idle;
		this.touch(now);
	}

	/** The request must be complete by then; Infinity when it is. */
	setRequestEnd(at: Millis): void {
		this.#requestAt = at;
	}

	/** The stream must be over by then; Infinity for no limit. */
	setDurationEnd(at: Millis): void {
		this.#durationAt = at;
	}

	get next(): Millis {
		return Math.min(this.#idleSince + this.#idle.ms, this.#requestAt, this.#durationAt);
	}

	/** The limit that is due, which strikes once. */
	takeDue(now: Millis): StreamLimit | undefined {
		if (now >= this.#durationAt) {
			this.#durationAt = never;
			return "duration";
		}
		if (now >= this.#requestAt) {
			this.#requestAt = never;
			return "request";
		}
		if (now >= this.#idleSince + this.#idle.ms) {
			this.#idleSince = never;
			return "idle";
		}
		return undefined;
	}
}
