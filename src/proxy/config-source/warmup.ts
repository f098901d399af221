import type { Clock, Timer } from "../../core/index.ts";
import type { Reference } from "./references.ts";

/** Something waited for, by name: a route configuration, the configuration of a filter, all scopes of routes of a source, an assignment, a secret. */
export interface Need {
	readonly kind: "route" | "extension" | "scopes" | "assignment" | "secret" | "runtime";
	readonly name: string;
	/** After how long the wait ends anyway; 0 for never. */
	readonly timeoutMs: number;
}

export function needOf(kind: Need["kind"], { name, source }: Reference): Need {
	return { kind, name, timeoutMs: source.initialFetchTimeoutMs };
}

/** Resources that wait for others. */
export interface Warmups {
	/** Calls `onDone` once, when each of `needs` was met or timed out; at once when there is nothing to wait for.
	 *  Returns the way to stop waiting. */
	begin(needs: readonly Need[], onDone: (timedOut: readonly Need[]) => void): () => void;
	/** A need was met, or never will be. */
	meet(kind: Need["kind"], name: string): void;
	close(): void;
}

interface Warmup {
	readonly open: Map<string, Timer | undefined>;
	finish(key: string): void;
}

export function createWarmups(clock: Clock): Warmups {
	const warmups = new Set<Warmup>();

	function stop(warmup: Warmup): void {
		for (const timer of warmup.open.values()) timer?.cancel();
		warmups.delete(warmup);
	}

	return {
		begin(needs, onDone) {
			const timedOut: Need[] = [];
			const warmup: Warmup = {
				open: new Map(),
				finish(key) {
					if (!warmup.open.has(key)) return;
					warmup.open.get(key)?.cancel();
					warmup.open.delete(key);
					if (warmup.open.size > 0) return;
					warmups.delete(warmup);
					onDone(timedOut);
				},
			};
			for (const need of needs) {
				const key = keyOf(need.kind, need.name);
				if (warmup.open.has(key)) continue;
				const giveUp = (): void => {
					timedOut.push(need);
					warmup.finish(key);
				};
				warmup.open.set(
					key,
					need.timeoutMs === 0 ? undefined : clock.setTimer(need.timeoutMs, giveUp, { unref: true }),
				);
			}
			if (warmup.open.size === 0) onDone(timedOut);
			else warmups.add(warmup);
			return () => stop(warmup);
		},
		meet(kind, name) {
			const key = keyOf(kind, name);
			for (const warmup of [...warmups]) warmup.finish(key);
		},
		close() {
			for (const warmup of [...warmups]) stop(warmup);
		},
	};
}

function keyOf(kind: Need["kind"], name: string): string {
	return `${kind}/${name}`;
}
