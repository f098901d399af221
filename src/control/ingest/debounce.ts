import type { Clock, Millis, Timer } from "../../core/index.ts";

export interface DebounceOptions {
	readonly clock: Clock;
	/** Runs this long after the last trigger. */
	readonly quietMs: number;
	/** Runs at the latest this long after the first trigger. */
	readonly maxMs: number;
}

/** Many triggers, one run. */
export interface Debounce {
	trigger(): void;
	/** Whether a run is due. */
	readonly isPending: boolean;
	/** Forgets a run that is due. */
	close(): void;
}

export function createDebounce({ clock, quietMs, maxMs }: DebounceOptions, run: () => void): Debounce {
	let firstAt: Millis | undefined;
	let timer: Timer | undefined;
	let closed = false;
	return {
		trigger() {
			if (closed) return;
			const now = clock.now();
			firstAt ??= now;
			timer?.cancel();
			timer = clock.setTimer(Math.max(0, Math.min(quietMs, firstAt + maxMs - now)), () => {
				firstAt = undefined;
				run();
			});
		},
		get isPending() {
			return firstAt !== undefined;
		},
		close() {
			closed = true;
			firstAt = undefined;
			timer?.cancel();
		},
	};
}
