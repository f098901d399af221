import type { Clock, Timer } from "../../core/index.ts";
import type { ScaledTimerConfig, ScaledTimerKind } from "../runtime-config/index.ts";

/** A timeout that gets shorter when resources run out. Read it when it is needed: it moves. */
export interface ScaledTimeout {
	/** Infinity when it is off. */
	readonly ms: number;
}

/** The timeouts that the overload manager shortens (`reduce_timeouts`). */
export interface ScaledTimeouts {
	/** @param ms as configured; 0 for none */
	of(kind: ScaledTimerKind, ms: number): ScaledTimeout;
	/** A timer of such a timeout, which is moved with it. */
	setTimer(kind: ScaledTimerKind, ms: number, onTimeout: () => void): { cancel(): void };
	/** Called when timeouts have changed. @returns what ends it */
	onChange(listener: () => void): () => void;
}

/** Different values of one kind come from configuration: there are few. What is beyond this keeps the length it begins with. */
const maxTimeouts = 1_024;

/** Creates the timeouts of a thread; without `scales` they stay as they are configured. */
export function createScaledTimeouts(
	scales: readonly ScaledTimerConfig[],
	clock: Clock,
): ScaledTimeouts & { setPressure(value: number): void } {
	const known = new Map<string, { readonly kind: ScaledTimerKind; readonly fullMs: number; ms: number }>();
	const listeners = new Set<() => void>();
	let pressure = 0;
	const compute = (kind: ScaledTimerKind, fullMs: number): number => {
		const scale = scales.find((one) => one.timer === kind);
		if (scale === undefined || pressure === 0) return fullMs;
		const least = scale.minimum.kind === "time" ? scale.minimum.ms : fullMs * scale.minimum.share;
		return Math.max(fullMs - (fullMs - Math.min(least, fullMs)) * pressure, 0);
	};
	const of = (kind: ScaledTimerKind, ms: number): ScaledTimeout => {
		if (ms === 0 || ms === Number.POSITIVE_INFINITY) return never;
		const key = `${kind} ${ms}`;
		const there = known.get(key);
		if (there !== undefined) return there;
		const made = { kind, fullMs: ms, ms: compute(kind, ms) };
		if (known.size < maxTimeouts) known.set(key, made);
		return made;
	};
	const onChange = (listener: () => void): (() => void) => {
		listeners.add(listener);
		return () => void listeners.delete(listener);
	};
	return {
		of,
		onChange,
		setTimer(kind, ms, onTimeout) {
			const timeout = of(kind, ms);
			const startedAt = clock.now();
			let timer: Timer;
			const arm = (): void => {
				timer = clock.setTimer(Math.max(0, startedAt + timeout.ms - clock.now()), () => {
					stop();
					onTimeout();
				});
			};
			const stop = scales.some(({ timer: scaled }) => scaled === kind)
				? onChange(() => {
						timer.cancel();
						arm();
					})
				: () => undefined;
			arm();
			return {
				cancel() {
					stop();
					timer.cancel();
				},
			};
		},
		setPressure(value) {
			if (value === pressure) return;
			pressure = value;
			for (const timeout of known.values()) timeout.ms = compute(timeout.kind, timeout.fullMs);
			for (const listener of [...listeners]) listener();
		},
	};
}

const never: ScaledTimeout = { ms: Number.POSITIVE_INFINITY };
