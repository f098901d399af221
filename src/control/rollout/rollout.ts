import type { NodeSample } from "./sample.ts";

/** Where a rollout is.
 *  - `choosing`: which proxies the change touches is being found out
 *  - `measuring`: the figures of the chosen ones before they are given the change are being read
 *  - `observing`: canaries have the change and are compared with the others
 *  - `held`: waits for a person
 *  - `completing`: all may have the change; the objects are being applied
 *  - the others: over */
export type RolloutState =
	| "choosing"
	| "measuring"
	| "observing"
	| "held"
	| "completing"
	| "completed"
	| "taken-back"
	| "aborted";

/** What becomes of a step whose canaries had too few requests. */
export type WithoutTraffic = "hold" | "complete" | "take-back";

export interface RolloutOptions {
	/** Shares of the touched proxies, rising, in percent. */
	readonly steps: readonly number[];
	/** How long each step is watched. */
	readonly watchMs: number;
	/** Share of failed requests up to which nothing is taken back, 0 to 1. */
	readonly maxErrorRate: number;
	/** How much slower the slowest tenth of the requests may be: 0.5 is half as long again. */
	readonly maxLatencyIncrease: number;
	/** With fewer requests in a step nothing is concluded. */
	readonly minRequests: number;
	/** How much longer than `watchMs` a step waits for them. */
	readonly maxWaitMs: number;
	readonly withoutTraffic: WithoutTraffic;
	/** Whether answers 4xx count as failed, besides 5xx. */
	readonly countsClientErrors: boolean;
}

/** An object of the change. */
export interface RolloutObject {
	readonly kind: string;
	readonly namespace: string;
	readonly name: string;
	readonly result: "created" | "configured";
	/** As it shall be; gone when the rollout is over. */
	readonly document?: unknown;
}

/** A proxy that the change touches. */
export interface TouchedNode {
	readonly id: string;
	/** `namespace/name` of its workload; the node id of a proxy without one. */
	readonly workload: string;
	/** Its application takes no traffic now, so that it has nothing to show. */
	readonly isUnready?: boolean;
}

/** A change that some proxies are given before the others. Kept in the store: whichever control plane is alive goes on with it. Times
 *  are milliseconds since the epoch. */
export interface Rollout {
	readonly id: string;
	/** Who asked for it. */
	readonly author: string;
	readonly createdAt: number;
	/** Revision of the store that it was made on. */
	readonly baseRevision: number;
	readonly objects: readonly RolloutObject[];
	readonly options: RolloutOptions;
	readonly state: RolloutState;
	/** When the state, or the step in it, began. */
	readonly since: number;
	/** How many connected proxies the change touches. */
	readonly touched: number;
	/** These in the order in which they are given the change; when the rollout is over, those of them that were watched with it. */
	readonly order: readonly TouchedNode[];
	/** How many of `order` are given it. */
	readonly served: number;
	/** Position in `options.steps`. */
	readonly step: number;
	/** Figures of watched canaries from before they were given the change, and of all watched proxies when the step began. */
	readonly bases: Readonly<Record<string, NodeSample>>;
	readonly marks: Readonly<Record<string, NodeSample>>;
	/** Why it is held or how it ended. */
	readonly reason?: string;
	readonly endedAt?: number;
}

/** What one control plane knows of the proxies that are connected to it. */
export interface MemberReport {
	/** Which control plane, by a name that it has since its start. */
	readonly member: string;
	readonly rolloutId: string;
	/** Of which state of the rollout it is, see `phaseOf`. */
	readonly phase: string;
	/** When it was made, and since when its control plane could have known. */
	readonly at: number;
	readonly upSince: number;
	/** In `choosing`: whom the change touches. */
	readonly touched: readonly TouchedNode[];
	/** When watched proxies were last seen connected. */
	readonly seen: Readonly<Record<string, number>>;
	/** Of watched proxies, as far as they could be read. */
	readonly samples: Readonly<Record<string, NodeSample>>;
}

/** Whether a rollout is still to be decided. */
export function isRunning({ state }: Pick<Rollout, "state">): boolean {
	return state !== "completed" && state !== "taken-back" && state !== "aborted";
}

/** Names the part of a rollout that reports are about: those of an earlier one say nothing of this. */
export function phaseOf({ id, state, step }: Pick<Rollout, "id" | "state" | "step">): string {
	return `${id} ${state === "held" ? "observing" : state} ${step}`;
}

/** How many proxies are watched of each side: enough to compare, few enough for thousands. */
export const maxWatched = 50;

/** The canaries of a step that are watched, and the proxies that they are compared with. */
export function watchedNodes(rollout: Rollout): {
	readonly canaries: readonly string[];
	readonly others: readonly string[];
} {
	const count = countOf(rollout);
	const ids = rollout.order.map(({ id }) => id);
	return { canaries: ids.slice(0, count).slice(0, maxWatched), others: ids.slice(count).slice(0, maxWatched) };
}

/** How many proxies have the change in the present step. */
export function countOf({ order, options, step }: Pick<Rollout, "order" | "options" | "step">): number {
	return countCanaries(order.length, options.steps[step] ?? 100);
}

/** How many of `touched` proxies a share is: at least one, and not all of them before the last step. */
export function countCanaries(touched: number, percent: number): number {
	if (percent >= 100) return touched;
	const most = touched === 1 ? 1 : touched - 1;
	return Math.min(most, Math.max(1, Math.round((touched * percent) / 100)));
}
