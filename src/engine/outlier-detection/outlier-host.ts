import type { Millis } from "../../core/index.ts";

/** What outlier detection knows of one host. Owned and changed by the detector. */
export class OutlierHost {
	isEjected = false;
	ejectedAt: Millis = 0;
	unejectedAt: Millis = Number.NaN;
	/** How often it was ejected, ever. */
	ejections = 0;
	/** Factor of the base ejection time; grows with each ejection, shrinks while the host behaves. */
	backoff = 0;
	jitterMs = 0;
	consecutive5xx = 0;
	consecutiveGatewayFailures = 0;
	consecutiveLocalFailures = 0;
	readonly external = new SuccessRate();
	readonly local = new SuccessRate();
}

/** Successes among results, in the interval that runs and in the one before. */
export class SuccessRate {
	total = 0;
	successes = 0;
	lastTotal = 0;
	lastSuccesses = 0;
	/** Percent of the last interval, -1 while there were too few results. */
	rate = -1;

	/** Begins a new interval. */
	turn(): void {
		this.lastTotal = this.total;
		this.lastSuccesses = this.successes;
		this.total = 0;
		this.successes = 0;
		this.rate = -1;
	}
}
