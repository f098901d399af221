import { assertNever, type BackoffConfig, computeBackoff, type Millis, type Random } from "../../core/index.ts";

/** Where one supervised process is in its life. `failures` counts exits in a row. */
export type ProcessState =
	| { readonly kind: "idle" }
	| { readonly kind: "running"; readonly since: Millis; readonly failures: number }
	| { readonly kind: "backing-off"; readonly failures: number }
	/** The back-off is over, and something else is waited for. */
	| { readonly kind: "due"; readonly failures: number }
	| { readonly kind: "stopping" }
	| { readonly kind: "stopped" };

export type ProcessEvent =
	| { readonly kind: "start" }
	| { readonly kind: "exited" }
	/** The back-off is over. */
	| { readonly kind: "retry" }
	| { readonly kind: "stop" }
	/** The time to end by itself is over. */
	| { readonly kind: "overdue" }
	| { readonly kind: "kill" };

export type ProcessEffect =
	| { readonly kind: "spawn" }
	| { readonly kind: "signal"; readonly signal: "SIGTERM" | "SIGKILL" }
	| { readonly kind: "arm"; readonly event: "retry" | "overdue"; readonly delayMs: number };

export interface ProcessConfig {
	readonly backoff: BackoffConfig;
	/** A process that ran this long before it exited counts as sound: its back-off starts over. */
	readonly soundAfterMs: number;
	/** Time between SIGTERM and SIGKILL. */
	readonly stopDeadlineMs: number;
}

export interface ProcessStep {
	readonly state: ProcessState;
	readonly effects: readonly ProcessEffect[];
}

/** The shortest back-off: jitter alone could make it 0. */
const minBackoffMs = 100;

/** One step of a process's life. */
export function stepProcess(
	state: ProcessState,
	event: ProcessEvent,
	now: Millis,
	random: Random,
	config: ProcessConfig,
): ProcessStep {
	switch (event.kind) {
		case "start": {
			if (state.kind !== "idle" && state.kind !== "due") return stay(state);
			const failures = state.kind === "due" ? state.failures : 0;
			return { state: { kind: "running", since: now, failures }, effects: [{ kind: "spawn" }] };
		}
		case "exited":
			return onExited(state, now, random, config);
		case "retry":
			return state.kind === "backing-off" ? stay({ kind: "due", failures: state.failures }) : stay(state);
		case "stop":
			if (state.kind === "stopping" || state.kind === "stopped") return stay(state);
			if (state.kind !== "running") return stay({ kind: "stopped" });
			return {
				state: { kind: "stopping" },
				effects: [
					{ kind: "signal", signal: "SIGTERM" },
					{ kind: "arm", event: "overdue", delayMs: config.stopDeadlineMs },
				],
			};
		case "overdue":
			return state.kind === "stopping" ? { state, effects: [{ kind: "signal", signal: "SIGKILL" }] } : stay(state);
		case "kill":
			if (state.kind !== "running" && state.kind !== "stopping") return stay({ kind: "stopped" });
			return { state: { kind: "stopping" }, effects: [{ kind: "signal", signal: "SIGKILL" }] };
		default:
			return assertNever(event);
	}
}

/** Whether a process of this state may be there. */
export function isAlive(state: ProcessState): boolean {
	return state.kind === "running" || state.kind === "stopping";
}

function onExited(state: ProcessState, now: Millis, random: Random, config: ProcessConfig): ProcessStep {
	if (state.kind === "stopping") return stay({ kind: "stopped" });
	if (state.kind !== "running") return stay(state);
	const failures = now - state.since >= config.soundAfterMs ? 1 : state.failures + 1;
	const delayMs = Math.max(minBackoffMs, computeBackoff(config.backoff, failures - 1, random));
	return { state: { kind: "backing-off", failures }, effects: [{ kind: "arm", event: "retry", delayMs }] };
}

function stay(state: ProcessState): ProcessStep {
	return { state, effects: [] };
}
