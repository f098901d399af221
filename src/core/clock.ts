/** Milliseconds of a monotonic clock (never of the wall). */
export type Millis = number;

/** The passing of time as an argument: the real one in production, a hand-turned one in tests. */
export interface Clock {
	/** Monotonic milliseconds, for durations and deadlines. */
	now(): Millis;
	/** Milliseconds since the Unix epoch, for certificates, logs and anything a person reads. */
	wall(): number;
	/** Calls `callback` once after `delayMs`; the returned timer does not keep the process alive when `unref` is set. */
	setTimer(delayMs: number, callback: () => void, options?: { readonly unref?: boolean }): Timer;
}

/** A pending call, owned by whoever set it. */
export interface Timer {
	cancel(): void;
}

/** The machine's clock. */
export const systemClock: Clock = {
	// For `performance` Node loads some ten modules.
	now() {
		const [seconds, nanoseconds] = process.hrtime();
		return seconds * 1e3 + nanoseconds / 1e6;
	},
	wall: () => Date.now(),
	setTimer(delayMs, callback, options) {
		if (delayMs > maxDelayMs) return setLongTimer(delayMs, callback, options);
		const handle = setTimeout(callback, delayMs);
		if (options?.unref) handle.unref();
		return { cancel: () => clearTimeout(handle) };
	},
};

/** What Node takes: it would end a longer wait at once. */
const maxDelayMs = 2 ** 31 - 1;

/** Waits in parts. Durations of a configuration may be centuries. */
function setLongTimer(delayMs: number, callback: () => void, options: { readonly unref?: boolean } | undefined): Timer {
	let part: Timer;
	const wait = (restMs: number): void => {
		const next = (): void => (restMs > maxDelayMs ? wait(restMs - maxDelayMs) : callback());
		part = systemClock.setTimer(Math.min(restMs, maxDelayMs), next, options);
	};
	wait(delayMs);
	return { cancel: () => part.cancel() };
}
