import type { Millis } from "../../../../core/index.ts";

const never = Number.POSITIVE_INFINITY;

/** Which limit of a stream struck. */
export type StreamLimit = "duration" | "request" | "idle";

/** When a stream's limits strike. Plain numbers: they move with every read and write. */
export class StreamDeadlines {
	#idleMs: number;
	#idleAt = never;
	#requestAt = never;
	#durationAt = never;

	/** @param idleMs 0 turns the idle limit off */
	constructor(idleMs: number) {
		this.#idleMs = idleMs;
	}

	/** Bytes went either way. */
	touch(now: Millis): void {
		this.#idleAt = this.#idleMs > 0 ? now + this.#idleMs : never;
	}

	setIdleLimit(idleMs: number, now: Millis): void {
		this.#idleMs = idleMs;
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
		return Math.min(this.#idleAt, this.#requestAt, this.#durationAt);
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
		if (now >= this.#idleAt) {
			this.#idleAt = never;
			return "idle";
		}
		return undefined;
	}
}
