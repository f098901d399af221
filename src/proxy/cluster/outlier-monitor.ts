import type { Clock, Log, Random, Timer } from "../../core/index.ts";
import {
	type EjectionCause,
	type OutlierDetectionConfig,
	OutlierDetector,
	overrideOutlierDetection,
	type SuccessRateThreshold,
} from "../../engine/outlier-detection/index.ts";
import type { Runtime } from "../../engine/runtime/index.ts";
import type { StatsScope } from "../../telemetry/index.ts";
import { createOutlierDetectionStats, type OutlierDetectionStats } from "../stats/index.ts";
import { HealthFlag, type Host, type LocalOutcome } from "./cluster.ts";
import { type EventLog, OutlierEvents } from "./event-log.ts";
import { setHealthFlag } from "./host.ts";

/** What the monitor needs of its cluster. */
export interface OutlierMonitorOptions {
	readonly clusterName: string;
	readonly config: OutlierDetectionConfig;
	/** Overrides the config by `outlier_detection.*`. */
	readonly runtime: Runtime;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	/** `cluster.<name>`. */
	readonly stats: StatsScope;
	/** Where ejections are written down. */
	readonly eventLog: EventLog | undefined;
	onHealthChanged(host: Host): void;
}

/** Outlier detection at work on a cluster: its interval, its statistics, its flag on hosts. */
export class OutlierMonitor {
	readonly #options: OutlierMonitorOptions;
	readonly #detector: OutlierDetector<Host>;
	readonly #stats: OutlierDetectionStats;
	#timer: Timer;
	#config: OutlierDetectionConfig;
	#seen: number | undefined = -1;
	readonly #events: OutlierEvents | undefined;

	constructor(options: OutlierMonitorOptions) {
		this.#options = options;
		this.#config = options.config;
		const { clock, clusterName, eventLog } = options;
		this.#events = eventLog === undefined ? undefined : new OutlierEvents(eventLog, clusterName, clock);
		this.#stats = createOutlierDetectionStats(options.stats.scope("outlier_detection"));
		this.#detector = new OutlierDetector<Host>(options.config, options.random, {
			onDetected: (_host, cause) => this.#countDetected(cause),
			onEjected: (host, cause) => this.#eject(host, cause),
			onUnejected: (host) => {
				this.#events?.unejected(host);
				this.#setEjected(host, false);
			},
			onOverflow: () => void this.#stats.ejections_overflow.value++,
			onSpared: (host, cause) => {
				this.#events?.ejected(host, cause, false, this.#ratesOf(cause));
				this.#countTotal(cause);
			},
		});
		this.#refresh();
		this.#timer = this.#arm();
	}

	get external(): Readonly<SuccessRateThreshold> {
		return this.#detector.external;
	}

	get local(): Readonly<SuccessRateThreshold> {
		return this.#detector.local;
	}

	addHost(host: Host): void {
		this.#detector.addHost(host);
	}

	removeHost(host: Host): void {
		if (host.outlier?.isEjected === true) this.#stats.ejections_active.value--;
		this.#detector.removeHost(host);
	}

	reportResponse(host: Host, status: number): void {
		this.#refresh();
		this.#detector.reportResponse(host, status, this.#options.clock.now());
	}

	reportLocal(host: Host, outcome: LocalOutcome): void {
		this.#refresh();
		this.#detector.reportLocal(host, detectorOutcomes[outcome], this.#options.clock.now());
	}

	/** An active check of the host passed. */
	onHealthCheckPassed(host: Host): void {
		if (this.#options.config.successfulActiveHealthCheckUneject)
			this.#detector.uneject(host, this.#options.clock.now());
	}

	close(): void {
		this.#timer.cancel();
		this.#stats.ejections_active.value -= this.#detector.ejected;
	}

	#arm(): Timer {
		return this.#options.clock.setTimer(this.#config.intervalMs, () => this.#onInterval(), { unref: true });
	}

	/** Takes over what the runtime says when it says something new. */
	#refresh(): void {
		const { runtime, config } = this.#options;
		if (runtime.version === this.#seen) return;
		this.#seen = runtime.version;
		this.#config = overrideOutlierDetection(config, runtime);
		this.#detector.configure(this.#config);
	}

	#onInterval(): void {
		this.#refresh();
		this.#detector.endInterval(this.#options.clock.now());
		this.#timer = this.#arm();
	}

	#ratesOf(cause: EjectionCause): Readonly<SuccessRateThreshold> {
		return cause.startsWith("local_origin") ? this.#detector.local : this.#detector.external;
	}

	#eject(host: Host, cause: EjectionCause): void {
		this.#events?.ejected(host, cause, true, this.#ratesOf(cause));
		this.#countTotal(cause);
		this.#stats.ejections_enforced_total.value++;
		this.#stats[`ejections_enforced_${cause}`].value++;
		this.#options.log.info("host ejected", { cluster: this.#options.clusterName, host: host.address, cause });
		this.#setEjected(host, true);
	}

	#setEjected(host: Host, isEjected: boolean): void {
		this.#stats.ejections_active.value += isEjected ? 1 : -1;
		if (!isEjected)
			this.#options.log.info("host taken back", { cluster: this.#options.clusterName, host: host.address });
		if (setHealthFlag(host, HealthFlag.failedOutlierCheck, isEjected)) this.#options.onHealthChanged(host);
	}

	#countDetected(cause: EjectionCause): void {
		this.#stats[`ejections_detected_${cause}`].value++;
		// Envoy's older counters.
		if (cause === "consecutive_5xx") this.#stats.ejections_consecutive_5xx.value++;
		if (cause === "success_rate" || cause === "local_origin_success_rate") this.#stats.ejections_success_rate.value++;
	}

	#countTotal(cause: EjectionCause): void {
		if (cause === "consecutive_5xx" || cause === "success_rate") this.#stats.ejections_total.value++;
	}
}

const detectorOutcomes = {
	connected: "connected",
	served: "served",
	"connect-failure": "failure",
	reset: "failure",
	"connect-timeout": "timeout",
	"request-timeout": "timeout",
} as const;
