import type { Millis } from "../../core/index.ts";
import { divideFairly } from "./divide.ts";
import { type Budget, isSameLease, type Lease } from "./lease.ts";

/** What a holder did since its report before. */
export interface Usage {
	readonly allowed: number;
	readonly denied: number;
	/** How long that was, as the holder says; 0 in the first report of a new bucket. */
	readonly elapsedMs: number;
}

/** A proxy that spends of a bucket. */
export interface Holder {
	readonly id: string;
	/** Requests a second that it was asked for, smoothed. Before it has reported some time, as much as there is: nobody knows. */
	demand: number;
	isMeasured: boolean;
	lease: Lease | undefined;
	/** Requests that it could let through at once, as far as its reports say. */
	level: number;
	/** Requests that it is taken to have let through since its report, already off its level. */
	expected: number;
	/** When its level was last counted. */
	countedAt: Millis;
	/** When it last reported a request. */
	usedAt: Millis;
	reportedAt: Millis;
	/** When it was last told its lease; -Infinity before. */
	toldAt: Millis;
	/** Since when it cannot be told anything; undefined while its stream is open. */
	goneSince: Millis | undefined;
}

/** Floor of everyone's share, as a part of an equal one: a proxy that was idle begins with that. */
const floorShare = 0.1;
/** More than was asked for, so that a proxy whose load grows is not held back before its next report. */
export const headroom = 1.25;
/** Leases stay while no share would change by more: a changed one begins with a full bucket, which takes from the others. */
const tolerance = 0.1;
/** What was let through beyond the budget is taken back from the next so many seconds. */
const repaySeconds = 5;

/** One budget and who holds leases of it. Invariant: the rates of all leases and the unleased rate are the budget's rate; `spare` and the
 *  levels of all holders are at most its burst. `spare` is negative after more was let through than there was. */
export class QuotaBucket {
	readonly key: string;
	budget: Budget;
	readonly holders = new Map<string, Holder>();
	/** Of the budget, what this control plane gives out, 0 to 1. */
	share = 1;
	allowed = 0;
	denied = 0;
	/** Of a dry run: what would have been refused. */
	excess = 0;
	usedAt: Millis;
	#spare: number;
	#spareAt: Millis;
	#dividedAt = Number.NEGATIVE_INFINITY;

	/** @param isResumed a holder had the bucket before: of a control plane that is new, nobody knows how much of the burst is spent */
	constructor(key: string, budget: Budget, isResumed: boolean, now: Millis) {
		this.key = key;
		this.budget = budget;
		this.usedAt = now;
		this.#spare = isResumed ? Math.min(budget.burst, budget.rate) : budget.burst;
		this.#spareAt = now;
	}

	get rate(): number {
		return this.budget.rate * this.share;
	}

	get burst(): number {
		return this.budget.burst * this.share;
	}

	/** Requests a second that all holders here were asked for. */
	get demand(): number {
		let sum = 0;
		for (const { demand } of this.holders.values()) sum += demand;
		return sum;
	}

	/** Requests that could pass at once. */
	available(now: Millis): number {
		this.#count(now);
		let sum = this.#spare;
		for (const { level } of this.holders.values()) sum += level;
		return sum;
	}

	/** Whether nothing of the budget is spent, so that it need not be remembered. */
	isWhole(now: Millis): boolean {
		this.#count(now);
		return this.holders.size === 0 && this.#spare >= this.burst;
	}

	/** Whether some holder has nothing and would get something as soon as there is any. */
	get waits(): boolean {
		for (const { lease } of this.holders.values()) if (lease?.kind === "deny") return true;
		return this.#spare < 0;
	}

	/** Makes the next division say every lease anew: the budget is another one. */
	reset(): void {
		this.#dividedAt = Number.NEGATIVE_INFINITY;
	}

	/** Takes in a report. */
	report(id: string, usage: Usage, now: Millis): void {
		this.#count(now);
		this.allowed += usage.allowed;
		this.denied += usage.denied;
		const requests = usage.allowed + usage.denied;
		if (requests > 0) this.usedAt = now;
		const known = this.holders.get(id);
		if (known === undefined) {
			this.#spend(usage.allowed);
			this.holders.set(id, {
				...{ id, demand: this.rate, isMeasured: false, lease: undefined, level: 0, expected: 0, countedAt: now },
				...{ usedAt: now, reportedAt: now, toldAt: Number.NEGATIVE_INFINITY, goneSince: undefined },
			});
			return;
		}
		const elapsedMs = Math.max(usage.elapsedMs, now - known.reportedAt, 1);
		const demand = (requests * 1000) / elapsedMs;
		// What grows counts at once, what shrinks by halves: a pause is not the end.
		known.demand = demand >= known.demand || !known.isMeasured ? demand : (known.demand + demand) / 2;
		known.isMeasured = true;
		known.reportedAt = now;
		known.goneSince = undefined;
		if (requests > 0) known.usedAt = now;
		const level = known.level + known.expected - usage.allowed;
		known.expected = 0;
		const size = known.lease?.kind === "bucket" ? known.lease.size : 0;
		known.level = Math.min(size, Math.max(0, level));
		if (level > known.level) this.#spare = Math.min(this.burst, this.#spare + level - known.level);
		else if (level < 0) this.#spend(-level);
	}

	/** Takes a holder's lease back: what it had left is spare again. */
	remove(id: string, now: Millis): void {
		this.#count(now);
		const holder = this.holders.get(id);
		if (holder === undefined) return;
		this.holders.delete(id);
		// One that is there and reported nothing has spent nothing.
		const unspent = holder.goneSince === undefined ? holder.expected : 0;
		this.#spare = Math.min(this.burst, this.#spare + holder.level + unspent);
		this.#dividedAt = Number.NEGATIVE_INFINITY;
	}

	/** Divides the budget anew where that would change something worth it.
	 *  @returns holders whose lease is another */
	divide(now: Millis): Holder[] {
		this.#count(now);
		const holders = [...this.holders.values()];
		if (this.budget.isDryRun) return this.#grant(holders, () => ({ kind: "allow" }));
		const rates = divideFairly(
			this.#affordableRate(),
			holders.map(({ demand }) => demand * headroom),
			floorShare,
		);
		if (!this.#isWorthwhile(holders, rates)) return [];
		this.#dividedAt = now;
		for (const holder of holders) {
			this.#spare += holder.level;
			holder.level = 0;
		}
		const total = rates.reduce((sum, rate) => sum + rate, 0);
		const pool = Math.max(0, Math.min(this.#spare, this.burst));
		let granted = 0;
		return this.#grant(holders, (position) => {
			const rate = rates[position]!;
			// What is left of rounding down goes to who comes last in line, whole.
			const size = Math.floor(total === 0 ? 0 : (pool * rate) / total + 1e-9);
			const left = Math.floor(pool - granted);
			const own = size >= 1 ? size : left >= 1 && holders[position]!.demand > 0 ? 1 : rate >= 1 ? 1 : 0;
			granted += own;
			return own === 0 ? { kind: "deny" } : { kind: "bucket", rate, size: own };
		});
	}

	#grant(holders: readonly Holder[], leaseOf: (position: number) => Lease): Holder[] {
		return holders.filter((holder, position) => {
			const lease = leaseOf(position);
			const isChanged = !isSameLease(holder.lease, lease);
			holder.lease = lease;
			if (lease.kind === "bucket") {
				holder.level = lease.size;
				this.#spare -= lease.size;
			}
			return isChanged;
		});
	}

	/** The rate, less what is to be taken back. */
	#affordableRate(): number {
		const debt = this.#spare < 0 ? -this.#spare / repaySeconds : 0;
		return Math.max(this.rate / 2, this.rate - debt);
	}

	#isWorthwhile(holders: readonly Holder[], rates: readonly number[]): boolean {
		if (this.#dividedAt === Number.NEGATIVE_INFINITY || holders.some(({ lease }) => lease === undefined)) return true;
		const equal = this.rate / Math.max(1, holders.length);
		for (const [position, { lease }] of holders.entries()) {
			if (lease === undefined || lease.kind === "allow") return true;
			if (lease.kind === "deny") {
				if (this.#spare >= 1) return true;
				continue;
			}
			const rate = rates[position]!;
			if (Math.abs(rate - lease.rate) > tolerance * Math.max(equal, lease.rate)) return true;
			// Its bucket is small because little was spare then.
			const wanted = Math.floor((this.burst * rate) / this.rate);
			if (lease.size < wanted / 2 && this.#spare >= wanted / 2) return true;
		}
		return false;
	}

	/** Brings levels up to now: buckets fill at their rate, what runs over is spare, and so is the rate that nobody holds. */
	#count(now: Millis): void {
		let leased = 0;
		for (const holder of this.holders.values()) {
			const seconds = Math.max(0, now - holder.countedAt) / 1000;
			holder.countedAt = now;
			if (holder.lease?.kind !== "bucket") continue;
			leased += holder.lease.rate;
			// Until its report comes it is taken to be asked for as much as before.
			const filled = holder.level + holder.lease.rate * seconds;
			const used = Math.min(filled, holder.demand * seconds);
			holder.expected += used;
			holder.level = Math.min(holder.lease.size, filled - used);
			this.#spare += filled - used - holder.level;
		}
		const seconds = Math.max(0, now - this.#spareAt) / 1000;
		this.#spareAt = now;
		const spare = this.#spare + Math.max(0, this.rate - leased) * seconds;
		// A dry run is told of requests long after they have passed: what came in meanwhile is theirs.
		this.#spare = this.budget.isDryRun && this.holders.size > 0 ? spare : Math.min(this.burst, spare);
	}

	/** Counts what was let through without a lease. */
	#spend(requests: number): void {
		const least = -Math.max(this.burst, this.rate * repaySeconds);
		if (this.budget.isDryRun) {
			this.excess += Math.max(0, requests - this.#spare);
			this.#spare = Math.min(this.burst, Math.max(0, this.#spare - requests));
			return;
		}
		this.#spare = Math.max(least, this.#spare - requests);
	}
}
