import type { Millis } from "../../../../core/index.ts";

interface Sample {
	readonly startedAt: Millis;
	requests: number;
	successes: number;
}

const sampleMs = 1000;

/** How requests ended within the last while, a sample a second. Spec: Envoy's admission control, "sampling window". */
export class SuccessWindow {
	readonly #lengthMs: number;
	readonly #samples: Sample[] = [];
	#requests = 0;
	#successes = 0;

	constructor(lengthMs: number) {
		this.#lengthMs = lengthMs;
	}

	record(isSuccess: boolean, now: Millis): void {
		this.#forget(now);
		let sample = this.#samples.at(-1);
		if (sample === undefined || now - sample.startedAt >= sampleMs) {
			sample = { startedAt: now, requests: 0, successes: 0 };
			this.#samples.push(sample);
		}
		sample.requests++;
		this.#requests++;
		if (!isSuccess) return;
		sample.successes++;
		this.#successes++;
	}

	/** The counts of the window, and requests a second over the time that it covers. */
	read(now: Millis): { readonly requests: number; readonly successes: number; readonly rate: number } {
		this.#forget(now);
		const oldest = this.#samples[0];
		const seconds = oldest === undefined ? 1 : Math.max(1, Math.floor((now - oldest.startedAt) / 1000));
		return { requests: this.#requests, successes: this.#successes, rate: Math.floor(this.#requests / seconds) };
	}

	#forget(now: Millis): void {
		for (;;) {
			const oldest = this.#samples[0];
			if (oldest === undefined || now - oldest.startedAt < this.#lengthMs) return;
			this.#samples.shift();
			this.#requests -= oldest.requests;
			this.#successes -= oldest.successes;
		}
	}
}

/** The share of requests to refuse: none while at least `threshold` of them succeed, then more the worse it gets. */
export function rejectionShare(
	{ requests, successes }: { readonly requests: number; readonly successes: number },
	terms: { readonly threshold: number; readonly aggression: number; readonly maximum: number },
): number {
	const base = Math.max(0, (requests - successes / terms.threshold) / (requests + 1));
	return Math.min(base ** (1 / terms.aggression), terms.maximum);
}
