import type { InstanceHealth, WorkloadProbe } from "../../model/index.ts";

/** What probes have said of one workload. */
export interface ProbeState {
	readonly health: Extract<InstanceHealth, "starting" | "ready" | "unready">;
	/** How many probes in a row said the same. */
	readonly inARow: number;
	/** What they said. */
	readonly isGood: boolean;
}

/** Before the first probe. */
export const unprobed: ProbeState = { health: "starting", inARow: 0, isGood: false };

/** What a probe's result makes of a state: its health changes after as many in a row as the thresholds say. */
export function onProbed(
	state: ProbeState,
	isGood: boolean,
	{ successThreshold, failureThreshold }: Pick<WorkloadProbe, "successThreshold" | "failureThreshold">,
): ProbeState {
	const inARow = state.isGood === isGood ? state.inARow + 1 : 1;
	const isSettled = inARow >= (isGood ? successThreshold : failureThreshold);
	return { health: isSettled ? (isGood ? "ready" : "unready") : state.health, inARow, isGood };
}
