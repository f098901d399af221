import type { Clock } from "../../core/index.ts";

/** Which types have come at all. */
export interface Arrivals {
	has(typeUrl: string): boolean;
	arrived(typeUrl: string): void;
	/** False when it did not come in time; 0 waits for ever. */
	first(typeUrl: string, timeoutMs: number, clock: Clock): Promise<boolean>;
	close(): void;
}

export function createArrivals(): Arrivals {
	const seen = new Set<string>();
	const waiting = new Map<string, (inTime: boolean) => void>();
	return {
		has: (typeUrl) => seen.has(typeUrl),
		arrived(typeUrl) {
			seen.add(typeUrl);
			waiting.get(typeUrl)?.(true);
		},
		first(typeUrl, timeoutMs, clock) {
			if (seen.has(typeUrl)) return Promise.resolve(true);
			return new Promise((resolve) => {
				const timer = timeoutMs === 0 ? undefined : clock.setTimer(timeoutMs, () => settle(false));
				const settle = (inTime: boolean): void => {
					timer?.cancel();
					waiting.delete(typeUrl);
					resolve(inTime);
				};
				waiting.set(typeUrl, settle);
			});
		},
		close() {
			for (const settle of [...waiting.values()]) settle(false);
		},
	};
}
