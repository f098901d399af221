import type { Clock, Timer } from "../core/index.ts";
import type { NodeStatus } from "../xds/server/index.ts";

export interface ConvergenceOptions {
	readonly clock: Clock;
	readonly statuses: () => readonly NodeStatus[];
	/** One proxy has acknowledged all of a change, so many milliseconds after it. */
	readonly onConverged: (ms: number) => void;
}

/** Measures how long proxies take to acknowledge a change. */
export interface Convergence {
	/** The mesh changed. */
	changed(): void;
	close(): void;
}

/** Long after most have answered: looking costs them time, and when each did is known anyway. */
const pollMs = 500;
/** Looking at thousands of proxies takes at most this share of the time. */
const pollShare = 0.02;
/** A proxy that takes longer (it refuses, or hangs) is not waited for. */
const limitMs = 60_000;

export function createConvergence({ clock, statuses, onConverged }: ConvergenceOptions): Convergence {
	/** Wall time of the oldest change that a proxy has not acknowledged. */
	const waiting = new Map<string, number>();
	/** Of the oldest change that came after the last look at the proxies. */
	let changedAt: number | undefined;
	let timer: Timer | undefined;
	const poll = (): void => {
		timer = undefined;
		const startedAt = clock.now();
		const connected = new Map(statuses().map((status) => [status.nodeId, status]));
		if (changedAt !== undefined)
			for (const [nodeId, { connectedAt }] of connected)
				if (connectedAt <= changedAt && !waiting.has(nodeId)) waiting.set(nodeId, changedAt);
		changedAt = undefined;
		for (const [nodeId, since] of waiting) {
			const status = connected.get(nodeId);
			if (status === undefined || clock.wall() - since > limitMs) waiting.delete(nodeId);
			else if (status.types.every((type) => type.state === "SYNCED")) {
				waiting.delete(nodeId);
				const latest = Math.max(...status.types.map((type) => type.updatedAt));
				// Without a newer acknowledgement the change did not concern this proxy.
				if (latest >= since) onConverged(latest - since);
			}
		}
		const pauseMs = Math.max(pollMs, (clock.now() - startedAt) / pollShare);
		if (waiting.size > 0) timer = clock.setTimer(pauseMs, poll, { unref: true });
	};
	return {
		changed() {
			changedAt ??= clock.wall();
			timer ??= clock.setTimer(pollMs, poll, { unref: true });
		},
		close: () => timer?.cancel(),
	};
}
