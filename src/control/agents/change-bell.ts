import { createHash } from "node:crypto";
import type { Clock, Timer } from "../../core/index.ts";

/** Wakes whoever waits for a change. */
export interface ChangeBell {
	/** Wakes at once after a rest; of many rings that follow each other those of a quarter of a second are one. */
	ring(): void;
	/** Resolves at the next ring, or after the time. */
	wait(ms: number): Promise<void>;
	/** A text that is the same for the same content, of any control plane. */
	revisionOf(content: unknown): string;
	close(): void;
}

/** Each ring costs everybody who waits a look at all that there is. */
const restMs = 250;

export function createChangeBell(clock: Clock): ChangeBell {
	const waiting = new Set<() => void>();
	let resting: Timer | undefined;
	let isDue = false;
	const wakeAll = (): void => {
		for (const wake of [...waiting]) wake();
	};
	const ring = (): void => {
		if (resting !== undefined) {
			isDue = true;
			return;
		}
		wakeAll();
		resting = clock.setTimer(restMs, endRest, { unref: true });
	};
	const endRest = (): void => {
		resting = undefined;
		if (!isDue) return;
		isDue = false;
		ring();
	};
	return {
		ring,
		wait(ms) {
			const { promise, resolve } = Promise.withResolvers<void>();
			const wake = (): void => {
				timer.cancel();
				waiting.delete(wake);
				resolve();
			};
			const timer = clock.setTimer(ms, wake, { unref: true });
			waiting.add(wake);
			return promise;
		},
		revisionOf: (content) => createHash("sha256").update(JSON.stringify(content)).digest("base64url"),
		close() {
			resting?.cancel();
			wakeAll();
		},
	};
}
