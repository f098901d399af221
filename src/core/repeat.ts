import type { Backoff } from "./backoff.ts";
import type { Clock } from "./clock.ts";

/** What is done again and again. */
export interface RepeatOptions {
	/** One round; it waits by itself for whatever it asks. */
	readonly step: () => Promise<void>;
	/** Told of a round that failed, unless it failed because of the end. */
	readonly onFailure: (error: unknown) => void | Promise<void>;
	readonly backoff: Backoff;
	readonly clock: Clock;
	/** Ends it. */
	readonly signal: AbortSignal;
}

/** Does rounds one after the other, and after each that failed waits by the back-off, until the signal. */
export async function repeatUntilStopped({ step, onFailure, backoff, clock, signal }: RepeatOptions): Promise<void> {
	while (!signal.aborted) {
		try {
			await step();
			backoff.reset();
		} catch (error) {
			if (signal.aborted) return;
			await onFailure(error);
			await pause(clock, backoff.next(), signal);
		}
	}
}

/** Waits so long, or until the signal; keeps no process alive. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
	const { promise, resolve } = Promise.withResolvers<void>();
	if (signal.aborted) return Promise.resolve();
	const end = (): void => {
		timer.cancel();
		signal.removeEventListener("abort", end);
		resolve();
	};
	const timer = clock.setTimer(delayMs, end, { unref: true });
	signal.addEventListener("abort", end);
	return promise;
}
