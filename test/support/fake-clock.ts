import type { Clock, Millis } from "../../src/core/index.ts";

/** A clock that a test turns by hand. */
export interface FakeClock extends Clock {
	/** Moves both clocks on and fires what becomes due, in order of time; a timer set by a timer fires too when it is due. */
	advance(ms: number): void;
	/** The same, with pending promises settled between the timers. */
	advanceAsync(ms: number): Promise<void>;
	/** Moves the wall clock alone, as a machine that was set right does. */
	setWall(epochMs: number): void;
	/** How many timers are pending. */
	readonly pending: number;
}

/** Options of a fake clock. */
export interface FakeClockOptions {
	/** Milliseconds since the epoch at the start; the first of January 2026 by default. */
	readonly wall?: number;
}

/** Creates a clock that stands still until it is turned; its monotonic time starts at 0. */
export function createFakeClock(options: FakeClockOptions = {}): FakeClock {
	let now: Millis = 0;
	let offset = options.wall ?? Date.UTC(2026, 0, 1);
	let order = 0;
	const timers = new Set<{ readonly due: Millis; readonly order: number; readonly callback: () => void }>();

	const fireNext = (until: Millis): boolean => {
		let next: { readonly due: Millis; readonly order: number; readonly callback: () => void } | undefined;
		for (const timer of timers) {
			if (timer.due > until) continue;
			if (next === undefined || timer.due < next.due || (timer.due === next.due && timer.order < next.order))
				next = timer;
		}
		if (next === undefined) return false;
		timers.delete(next);
		now = Math.max(now, next.due);
		next.callback();
		return true;
	};

	return {
		now: () => now,
		wall: () => offset + now,
		setTimer(delayMs, callback) {
			const timer = { due: now + Math.max(0, delayMs), order: order++, callback };
			timers.add(timer);
			return { cancel: () => timers.delete(timer) };
		},
		advance(ms) {
			const until = now + ms;
			while (fireNext(until));
			now = until;
		},
		async advanceAsync(ms) {
			const until = now + ms;
			do await settle();
			while (fireNext(until));
			now = until;
		},
		setWall(epochMs) {
			offset = epochMs - now;
		},
		get pending() {
			return timers.size;
		},
	};
}

/** Lets promises that wait for nothing outside settle. */
function settle(): Promise<void> {
	return new Promise((resolve) => setImmediate(resolve));
}
