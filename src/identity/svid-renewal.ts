import { computeBackoff, type Random } from "../core/index.ts";

/** When a source acts next. Times are milliseconds since the epoch, so that a machine that slept renews on waking. */
export interface RenewalState {
	/** When the next attempt is due. */
	readonly dueAt: number;
	/** Attempts that failed in a row. */
	readonly failures: number;
	/** The SVID in use: when it came, and when it ends. */
	readonly held?: { readonly since: number; readonly until: number };
}

/** How bad a failed renewal is: `warn` while there is time, `error` when a quarter or less of the lifetime is left. */
export type RenewalUrgency = "warn" | "error";

/** Renewal at half of the lifetime, a tenth of it earlier or later: a mesh that started at once does not renew at once. */
const renewalShare = 0.5;
const jitterShare = 0.1;
const errorShare = 0.25;
/** The floor keeps full jitter from hammering an authority that is down. */
const minRetryMs = 250;
/** Authorities date certificates back by a minute. */
const toleratedSetbackMs = 60_000;
const backoff = { baseMs: 1_000, maxMs: 30_000 };

/** Nothing yet: the first attempt is due at once. */
export function beginRenewal(now: number): RenewalState {
	return { dueAt: now, failures: 0 };
}

/** An SVID that ends at `until` came. */
export function onRenewed(until: number, now: number, random: Random): RenewalState {
	const share = renewalShare + (random.next() * 2 - 1) * jitterShare;
	return { dueAt: now + (until - now) * share, failures: 0, held: { since: now, until } };
}

/** An attempt failed: the next one comes after a growing, random delay. */
export function onRenewalFailed(state: RenewalState, now: number, random: Random): RenewalState {
	const delay = minRetryMs + computeBackoff(backoff, state.failures, random);
	return { ...state, dueAt: now + delay, failures: state.failures + 1 };
}

/** Whether an attempt is due: its time has come, or the wall clock went back so far that peers hold the SVID for not yet valid. */
export function isRenewalDue(state: RenewalState, now: number): boolean {
	return now >= state.dueAt || (state.held !== undefined && now < state.held.since - toleratedSetbackMs);
}

/** Whether the SVID in use has not ended. */
export function isHeld(state: RenewalState, now: number): boolean {
	return state.held !== undefined && now < state.held.until;
}

/** How bad it is that the last attempt failed; without any SVID it is an error from the third time on. */
export function urgencyOf(state: RenewalState, now: number): RenewalUrgency {
	if (state.held === undefined) return state.failures < 3 ? "warn" : "error";
	const { since, until } = state.held;
	return until - now > (until - since) * errorShare ? "warn" : "error";
}
