import type { Clock, Millis, Timer } from "../../core/index.ts";

export interface DebounceOptions {
	readonly clock: Clock;
	/** Runs this long after the last trigger. */
	readonly quietMs: number;
	/** Runs at the latest this long after the first trigger. */
	readonly maxMs: number;
	/** A first trigger after a rest of `maxMs` waits only this long; `quietMs` by default. */
	readonly firstMs?: number;
}

/** Many triggers, one run. */
export interface Debounce {
	trigger(): void;
	/** Whether a run is due. */
	readonly isPending: boolean;
	/** Forgets a run that is due. */
	close(): void;
}

export function createDebounce(options: DebounceOptions, run: () => void): Debounce {
	const { clock, quietMs, maxMs, firstMs } = options;
	let firstAt: Millis | undefined;
	let ranAt = Number.NEGATIVE_INFINITY;
	let isFirst = false;
	let timer: Timer | undefined;
	let closed = false;
	return {
		trigger() {
			if (closed) return;
			const now = clock.now();
			if (firstAt !== undefined && isFirst) return;
			isFirst = firstMs !== undefined && firstAt === undefined && now - ranAt >= maxMs;
			firstAt ??= now;
			timer?.cancel();
			const waitMs = isFirst ? firstMs! : quietMs;
			timer = clock.setTimer(Math.max(0, Math.min(waitMs, firstAt + maxMs - now)), () => {
				firstAt = undefined;
				run();
				ranAt = clock.now();
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
