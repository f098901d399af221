import type { Clock, Millis, Random, Timer } from "../../../../core/index.ts";
import type { TcpProxyConfig } from "../../../runtime-config/index.ts";

/** The timers of one session: idle, duration, periodic log and report. */
export class SessionTimers {
	readonly #clock: Clock;
	readonly #timers: Timer[] = [];
	#lastActivity: Millis = 0;

	constructor(clock: Clock) {
		this.#clock = clock;
	}

	/** Bytes went one way or the other. */
	touch(): void {
		this.#lastActivity = this.#clock.now();
	}

	/** Calls `onIdle` once when nothing was touched for `idleMs`. */
	watchIdle(idleMs: Millis, onIdle: () => void): void {
		this.touch();
		const slot = this.#timers.length;
		const check = (): void => {
			const quietMs = this.#clock.now() - this.#lastActivity;
			if (quietMs >= idleMs) onIdle();
			else this.#timers[slot] = this.#clock.setTimer(idleMs - quietMs, check, { unref: true });
		};
		this.#timers.push(this.#clock.setTimer(idleMs, check, { unref: true }));
	}

	after(delayMs: Millis, action: () => void): void {
		this.#timers.push(this.#clock.setTimer(delayMs, action, { unref: true }));
	}

	every(intervalMs: Millis, action: () => void): void {
		const slot = this.#timers.length;
		const run = (): void => {
			this.#timers[slot] = this.#clock.setTimer(intervalMs, run, { unref: true });
			action();
		};
		this.#timers.push(this.#clock.setTimer(intervalMs, run, { unref: true }));
	}

	cancel(): void {
		for (const timer of this.#timers) timer.cancel();
	}
}

/** Begins to watch a new session's limits.
 *  @param statedIdleMs in place of the configured idle time where it is over 0 */
export function armSessionTimers(
	timers: SessionTimers,
	config: TcpProxyConfig,
	statedIdleMs: Millis,
	random: Random,
	on: { onIdle(): void; onTooOld(): void; onLogDue(): void },
): void {
	const { idleTimeoutMs, maxDownstreamConnectionDurationMs: durationMs, durationJitterPercent } = config;
	const idleMs = statedIdleMs > 0 ? statedIdleMs : idleTimeoutMs;
	if (idleMs > 0) timers.watchIdle(idleMs, on.onIdle);
	if (durationMs > 0) {
		const jitterMs = durationMs * (durationJitterPercent / 100) * (durationJitterPercent > 0 ? random.next() : 0);
		timers.after(durationMs + jitterMs, on.onTooOld);
	}
	if (config.accessLogFlushIntervalMs > 0) timers.every(config.accessLogFlushIntervalMs, on.onLogDue);
}
