import { assertNever, type Millis, type Random } from "../../core/index.ts";
import type { OutlierDetectionConfig } from "./config.ts";
import { OutlierHost } from "./outlier-host.ts";

/** What made a host an outlier, in the words of Envoy's statistics. */
export type EjectionCause =
	| "consecutive_5xx"
	| "consecutive_gateway_failure"
	| "consecutive_local_origin_failure"
	| "success_rate"
	| "local_origin_success_rate"
	| "failure_percentage"
	| "local_origin_failure_percentage";

/** What happens to hosts; called while a result is reported or an interval ends. */
export interface OutlierEvents<H> {
	/** A host was found to be an outlier, whether or not that throws it out. */
	onDetected(host: H, cause: EjectionCause): void;
	/** `host` gets no requests until it is taken back. */
	onEjected(host: H, cause: EjectionCause): void;
	onUnejected(host: H): void;
	/** Too many hosts are out already. */
	onOverflow(host: H): void;
	/** The draw against the enforcing percentage spared it. */
	onSpared(host: H, cause: EjectionCause): void;
}

/** The mean success rate of the last interval and the rate below which hosts are outliers, in percent; -1 while unknown. */
export interface SuccessRateThreshold {
	average: number;
	threshold: number;
}

/** What happened on this side: there is a connection, for a request or as all that was asked for; or there is no answer. */
export type LocalOutcome = "connected" | "served" | "failure" | "timeout";

/** Outlier detection over the hosts of one cluster: fed with results, asked once an interval to look at rates and to take hosts
 *  back. */
export class OutlierDetector<H extends { outlier: OutlierHost | undefined }> {
	#config: OutlierDetectionConfig;
	readonly #events: OutlierEvents<H>;
	readonly #random: Random;
	readonly #hosts = new Set<H>();
	#ejected = 0;
	readonly external: SuccessRateThreshold = { average: -1, threshold: -1 };
	readonly local: SuccessRateThreshold = { average: -1, threshold: -1 };

	constructor(config: OutlierDetectionConfig, random: Random, events: OutlierEvents<H>) {
		this.#config = config;
		this.#random = random;
		this.#events = events;
	}

	/** Goes by another configuration from now on; counts go on. */
	configure(config: OutlierDetectionConfig): void {
		this.#config = config;
	}

	get ejected(): number {
		return this.#ejected;
	}

	addHost(host: H): void {
		host.outlier ??= new OutlierHost();
		this.#hosts.add(host);
	}

	removeHost(host: H): void {
		if (!this.#hosts.delete(host)) return;
		if (host.outlier?.isEjected === true) this.#ejected--;
	}

	/** The host answered with this HTTP status. */
	reportResponse(host: H, status: number, now: Millis): void {
		const state = host.outlier;
		if (state === undefined) return;
		state.external.total++;
		if (status < 500 || status > 599) {
			state.external.successes++;
			state.consecutive5xx = 0;
			state.consecutiveGatewayFailures = 0;
			return;
		}
		if (status >= 502 && status <= 504) {
			if (++state.consecutiveGatewayFailures === this.#config.consecutiveGatewayFailure) {
				this.#onConsecutive(host, state, "consecutive_gateway_failure", now);
				state.consecutiveGatewayFailures = 0;
			}
		} else {
			state.consecutiveGatewayFailures = 0;
		}
		if (++state.consecutive5xx === this.#config.consecutive5xx) {
			this.#onConsecutive(host, state, "consecutive_5xx", now);
			state.consecutive5xx = 0;
		}
	}

	/** What happened on this side; counts as an answer unless errors are split by their origin. */
	reportLocal(host: H, outcome: LocalOutcome, now: Millis): void {
		const state = host.outlier;
		if (state === undefined) return;
		if (!this.#config.splitExternalLocalOriginErrors) {
			const status = statusOf[outcome];
			if (status !== undefined) this.reportResponse(host, status, now);
			return;
		}
		state.local.total++;
		if (outcome === "connected" || outcome === "served") {
			state.local.successes++;
			state.consecutiveLocalFailures = 0;
			return;
		}
		if (++state.consecutiveLocalFailures === this.#config.consecutiveLocalOriginFailure) {
			this.#onConsecutive(host, state, "consecutive_local_origin_failure", now);
			state.consecutiveLocalFailures = 0;
		}
	}

	/** Takes an ejected host back before its time: its active health check passed. */
	uneject(host: H, now: Millis): void {
		if (host.outlier?.isEjected === true && this.#hosts.has(host)) this.#uneject(host, host.outlier, now);
	}

	/** An interval is over: takes hosts back, compares rates. To be called every `intervalMs`. */
	endInterval(now: Millis): void {
		const { baseEjectionTimeMs, maxEjectionTimeMs } = this.#config;
		for (const host of this.#hosts) {
			const state = host.outlier!;
			const termMs = Math.min(baseEjectionTimeMs * state.backoff, maxEjectionTimeMs) + state.jitterMs;
			if (state.isEjected && now - state.ejectedAt >= termMs) this.#uneject(host, state, now);
			state.external.turn();
			state.local.turn();
		}
		this.#compareRates("external", now);
		this.#compareRates("local", now);
		for (const host of this.#hosts) {
			const state = host.outlier!;
			const isSteady = !state.isEjected && now - state.unejectedAt >= this.#config.intervalMs;
			if (isSteady && state.backoff > 0) state.backoff--;
		}
	}

	#compareRates(origin: "external" | "local", now: Millis): void {
		const config = this.#config;
		const summary = this[origin];
		summary.average = -1;
		summary.threshold = -1;
		if (this.#hosts.size < Math.min(config.successRateMinimumHosts, config.failurePercentageMinimumHosts)) return;
		const forSuccessRate: H[] = [];
		const forFailurePercentage: H[] = [];
		for (const host of this.#hosts) {
			const state = host.outlier!;
			const results = state[origin];
			if (state.isEjected || results.lastTotal === 0) continue;
			const rate = (results.lastSuccesses * 100) / results.lastTotal;
			if (results.lastTotal >= Math.min(config.successRateRequestVolume, config.failurePercentageRequestVolume))
				results.rate = rate;
			if (results.lastTotal >= config.successRateRequestVolume) forSuccessRate.push(host);
			if (results.lastTotal >= config.failurePercentageRequestVolume) forFailurePercentage.push(host);
		}
		if (forSuccessRate.length > 0 && forSuccessRate.length >= config.successRateMinimumHosts) {
			const rates = forSuccessRate.map((host) => host.outlier![origin].rate);
			Object.assign(summary, computeSuccessRateThreshold(rates, config.successRateStdevFactor / 1000));
			const cause = origin === "external" ? "success_rate" : "local_origin_success_rate";
			for (const host of forSuccessRate) {
				if (host.outlier![origin].rate < summary.threshold) this.#onOutlier(host, host.outlier!, cause, now);
			}
		}
		if (forFailurePercentage.length > 0 && forFailurePercentage.length >= config.failurePercentageMinimumHosts) {
			const cause = origin === "external" ? "failure_percentage" : "local_origin_failure_percentage";
			for (const host of forFailurePercentage) {
				if (100 - host.outlier![origin].rate >= config.failurePercentageThreshold)
					this.#onOutlier(host, host.outlier!, cause, now);
			}
		}
	}

	#onConsecutive(host: H, state: OutlierHost, cause: EjectionCause, now: Millis): void {
		if (!state.isEjected && this.#hosts.has(host)) this.#onOutlier(host, state, cause, now);
	}

	#onOutlier(host: H, state: OutlierHost, cause: EjectionCause, now: Millis): void {
		const config = this.#config;
		this.#events.onDetected(host, cause);
		// The failure percentage may find what the success rate threw out a moment ago.
		if (state.isEjected) return;
		const percent = (100 * (this.#ejected + 1)) / this.#hosts.size;
		const isAllowed = percent <= config.maxEjectionPercent || (config.alwaysEjectOneHost && this.#ejected === 0);
		if (!isAllowed) {
			this.#events.onOverflow(host);
			return;
		}
		if (this.#random.next() * 100 >= enforcingPercentOf(config, cause)) {
			this.#events.onSpared(host, cause);
			return;
		}
		this.#ejected++;
		state.isEjected = true;
		state.ejectedAt = now;
		state.ejections++;
		state.jitterMs = Math.floor(this.#random.next() * (config.maxEjectionTimeJitterMs + 1));
		if (state.backoff * config.baseEjectionTimeMs < config.maxEjectionTimeMs + config.baseEjectionTimeMs)
			state.backoff++;
		this.#events.onEjected(host, cause);
	}

	#uneject(host: H, state: OutlierHost, now: Millis): void {
		this.#ejected--;
		state.isEjected = false;
		state.unejectedAt = now;
		state.consecutive5xx = 0;
		state.consecutiveGatewayFailures = 0;
		state.consecutiveLocalFailures = 0;
		this.#events.onUnejected(host);
	}
}

/** The rate below which a host is an outlier: so many standard deviations below the mean. */
export function computeSuccessRateThreshold(rates: readonly number[], stdevFactor: number): SuccessRateThreshold {
	const average = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
	const variance = rates.reduce((sum, rate) => sum + (rate - average) ** 2, 0) / rates.length;
	return { average, threshold: average - stdevFactor * Math.sqrt(variance) };
}

/** The answers that local outcomes stand for where errors are not split; a connection for a request is none. */
const statusOf: Readonly<Record<LocalOutcome, number | undefined>> = {
	connected: undefined,
	served: 200,
	failure: 503,
	timeout: 504,
};

function enforcingPercentOf(config: OutlierDetectionConfig, cause: EjectionCause): number {
	switch (cause) {
		case "consecutive_5xx":
			return config.enforcingConsecutive5xx;
		case "consecutive_gateway_failure":
			return config.enforcingConsecutiveGatewayFailure;
		case "consecutive_local_origin_failure":
			return config.enforcingConsecutiveLocalOriginFailure;
		case "success_rate":
			return config.enforcingSuccessRate;
		case "local_origin_success_rate":
			return config.enforcingLocalOriginSuccessRate;
		case "failure_percentage":
			return config.enforcingFailurePercentage;
		case "local_origin_failure_percentage":
			return config.enforcingFailurePercentageLocalOrigin;
		default:
			return assertNever(cause);
	}
}
