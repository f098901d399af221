import { createHash } from "node:crypto";
import type { Clock } from "../../core/index.ts";

/** Wakes whoever waits for a change. */
export interface ChangeBell {
	ring(): void;
	/** Resolves at the next ring, or after the time. */
	wait(ms: number): Promise<void>;
	/** A text that is the same for the same content, of any control plane. */
	revisionOf(content: unknown): string;
	close(): void;
}

export function createChangeBell(clock: Clock): ChangeBell {
	const waiting = new Set<() => void>();
	const ring = (): void => {
		for (const wake of [...waiting]) wake();
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
		close: ring,
	};
}
