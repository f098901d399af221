import type { Millis } from "../../../core/index.ts";
import type { LeaseId } from "../../store.ts";
import type { LeaseRow } from "./tables.ts";

/** When leases end, by what this process has seen of them on its monotonic clock. Neither a jump of the wall clock, nor a restart,
 *  nor a time in which this process did not run (stopped, starved, swapped out) ends a lease early: after each it has its whole
 *  time again, as after a change of leader in etcd. The keep-alives of such a time still wait to be read. */
export interface LeaseDeadlines {
	/** Takes note of the leases there are, and returns those that have ended. */
	observe(leases: readonly LeaseRow[], now: Millis): LeaseRow[];
	/** When the next lease ends; undefined without any. */
	next(): Millis | undefined;
}

interface Seen {
	readonly renewals: number;
	readonly deadline: Millis;
}

/** Starts without having seen any lease. `observe` is to be called more often than every `maxGapMs`; a longer gap counts as a time
 *  in which this process did not run. */
export function createLeaseDeadlines(maxGapMs: number): LeaseDeadlines {
	let seen = new Map<LeaseId, Seen>();
	let observedAt: Millis | undefined;
	return {
		observe(leases, now) {
			if (observedAt !== undefined && now - observedAt > maxGapMs) seen = new Map();
			observedAt = now;
			const observed = new Map<LeaseId, Seen>();
			const ended: LeaseRow[] = [];
			for (const lease of leases) {
				const before = seen.get(lease.id);
				const isRenewed = before === undefined || before.renewals !== lease.renewals;
				const entry = isRenewed ? { renewals: lease.renewals, deadline: now + lease.ttlMs } : before;
				observed.set(lease.id, entry);
				if (entry.deadline <= now) ended.push(lease);
			}
			seen = observed;
			return ended;
		},
		next() {
			let earliest: Millis | undefined;
			for (const { deadline } of seen.values()) {
				if (earliest === undefined || deadline < earliest) earliest = deadline;
			}
			return earliest;
		},
	};
}
