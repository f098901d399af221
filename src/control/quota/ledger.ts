import type { Millis } from "../../core/index.ts";
import { type Holder, QuotaBucket, type Usage } from "./bucket.ts";
import type { Budget, Lease } from "./lease.ts";

/** The name of a bucket: the limit under `limit`, and the values of its keys under `0`, `1` and so on. Spec: RLQS `BucketId`. */
export type BucketId = Readonly<Record<string, string>>;

/** What a holder is told of a bucket. */
export interface QuotaAction {
	readonly holder: string;
	readonly bucket: BucketId;
	/** Undefined: the bucket is no longer anyone's business, and begins anew with its next request. */
	readonly lease: Lease | undefined;
}

export interface LedgerOptions {
	/** The budget of a limit; undefined when there is no such limit (any more). */
	readonly budgetOf: (limit: string) => Budget | undefined;
	/** How long a lease is good for. */
	readonly leaseMs: number;
	/** How often holders report. */
	readonly reportMs: number;
}

/** What one control plane is asked for of a bucket. */
export interface BucketDemand {
	readonly bucket: string;
	/** Requests a second. */
	readonly demand: number;
	/** Proxies that ask. */
	readonly holders: number;
}

/** One bucket, for people. */
export interface BucketStatus {
	readonly bucket: BucketId;
	readonly budget: Budget;
	/** Of the budget, what this control plane gives out. */
	readonly share: number;
	readonly demand: number;
	readonly allowed: number;
	readonly denied: number;
	readonly excess: number;
	readonly available: number;
	readonly holders: readonly {
		readonly id: string;
		readonly demand: number;
		readonly lease: Lease | undefined;
		readonly isConnected: boolean;
	}[];
}

/** Bounds of what is remembered; a bucket beyond is not leased, so that holders go by what they do without a lease. */
export const maxBuckets = 100_000;
export const maxHolders = 10_000;
const maxValueLength = 1_024;
const maxEntries = 9;
/** A holder that was not asked for a bucket for so long gives it back. */
const idleMs = 60_000;

/** Who may let through how much of which budget. Decides by reports and the time it is given; says what is to be told to whom. */
export class QuotaLedger {
	readonly #options: LedgerOptions;
	readonly #buckets = new Map<string, QuotaBucket>();
	readonly #ids = new Map<string, BucketId>();
	/** Keys of buckets by holder, the one that was used last at the end. */
	readonly #held = new Map<string, Map<string, string>>();
	readonly #dirty = new Set<string>();

	constructor(options: LedgerOptions) {
		this.#options = options;
	}

	get size(): number {
		return this.#buckets.size;
	}

	/** Takes in what a holder reports of one bucket.
	 *  @returns why it is not taken; undefined when it is */
	report(
		holder: string,
		id: BucketId,
		usage: Usage,
		now: Millis,
	): "unknown limit" | "bad bucket" | "too many" | undefined {
		const limit = id["limit"];
		const budget = limit === undefined ? undefined : this.#options.budgetOf(limit);
		if (budget === undefined) return "unknown limit";
		const entries = Object.entries(id);
		if (entries.length > maxEntries || entries.some(([, value]) => value.length > maxValueLength)) return "bad bucket";
		const key = formatBucketKey(id);
		let bucket = this.#buckets.get(key);
		if (bucket === undefined) {
			if (this.#buckets.size >= maxBuckets) return "too many";
			bucket = new QuotaBucket(key, budget, usage.elapsedMs >= this.#options.reportMs / 2, now);
			this.#buckets.set(key, bucket);
			this.#ids.set(key, id);
		}
		const held = this.#held.get(holder) ?? this.#addHolder(holder);
		if (held === undefined) return "too many";
		if (usage.allowed + usage.denied > 0 || !held.has(key)) {
			held.delete(key);
			held.set(key, budget.limit);
		}
		bucket.report(holder, usage, now);
		this.#dirty.add(key);
		return undefined;
	}

	/** A holder's stream is open (again): what it held it still holds. */
	connected(holder: string): void {
		for (const key of this.#held.get(holder)?.keys() ?? []) {
			const known = this.#buckets.get(key)?.holders.get(holder);
			if (known !== undefined) known.goneSince = undefined;
		}
	}

	/** A holder's stream is closed. It may go on by its leases until they end, so they are kept for it until then. */
	disconnected(holder: string, now: Millis): void {
		for (const key of this.#held.get(holder)?.keys() ?? []) {
			const known = this.#buckets.get(key)?.holders.get(holder);
			if (known !== undefined) known.goneSince = now;
		}
	}

	/** Sets what part of each bucket, with its requests a second, this control plane gives out. */
	setShares(shareOf: (bucket: string, rate: number) => number): void {
		for (const [key, bucket] of this.#buckets) {
			const share = shareOf(key, bucket.budget.rate);
			if (share === bucket.share) continue;
			bucket.share = share;
			this.#dirty.add(key);
		}
	}

	/** Limits are others: what there is no limit for any more is given back, the rest is divided anew. */
	limitsChanged(now: Millis): QuotaAction[] {
		const actions: QuotaAction[] = [];
		for (const [key, bucket] of this.#buckets) {
			const budget = this.#options.budgetOf(bucket.budget.limit);
			if (budget === undefined) {
				actions.push(...this.#forget(key, bucket, now));
				continue;
			}
			if (budget === bucket.budget) continue;
			bucket.budget = budget;
			bucket.reset();
			this.#dirty.add(key);
		}
		return actions;
	}

	/** What is to be told after some reports: leases of the buckets that were reported. */
	settle(now: Millis): QuotaAction[] {
		const actions: QuotaAction[] = [];
		for (const key of this.#dirty) {
			const bucket = this.#buckets.get(key);
			if (bucket === undefined) continue;
			const changed = new Set(bucket.divide(now));
			for (const holder of bucket.holders.values())
				if (changed.has(holder) || this.#isDue(holder, now)) this.#tell(actions, bucket, holder, now);
		}
		this.#dirty.clear();
		return actions;
	}

	/** What time alone changes: leases of holders that are gone end, buckets that nobody uses are given back. To be called now and then. */
	tick(now: Millis): QuotaAction[] {
		const actions: QuotaAction[] = [];
		for (const [key, bucket] of this.#buckets) {
			for (const holder of bucket.holders.values()) {
				const isGone = holder.goneSince !== undefined && now - holder.toldAt >= this.#options.leaseMs;
				const isIdle = now - holder.usedAt >= idleMs;
				if (!isGone && !isIdle) continue;
				if (holder.goneSince === undefined)
					actions.push({ holder: holder.id, bucket: this.#ids.get(key)!, lease: undefined });
				this.#release(bucket, holder.id, now);
				this.#dirty.add(key);
			}
			if (bucket.isWhole(now)) {
				this.#buckets.delete(key);
				this.#ids.delete(key);
			} else if (bucket.waits) this.#dirty.add(key);
		}
		for (const [holder, held] of this.#held) this.#bound(actions, holder, held, now);
		return [...actions, ...this.settle(now)];
	}

	/** What each bucket is asked for here, the most wanted first. */
	demands(bound: number): readonly BucketDemand[] {
		const all = Array.from(this.#buckets, ([bucket, { demand, holders }]) => ({
			...{ bucket, demand, holders: holders.size },
		}));
		return all.sort((left, right) => right.demand - left.demand).slice(0, bound);
	}

	/** Every bucket, the most wanted first. */
	status(now: Millis): BucketStatus[] {
		return Array.from(
			this.#buckets,
			([key, bucket]): BucketStatus => ({
				bucket: this.#ids.get(key)!,
				budget: bucket.budget,
				share: bucket.share,
				demand: bucket.demand,
				allowed: bucket.allowed,
				denied: bucket.denied,
				excess: bucket.excess,
				available: Math.max(0, Math.floor(bucket.available(now))),
				holders: Array.from(bucket.holders.values(), ({ id, demand, lease, goneSince }) => ({
					...{ id, demand, lease, isConnected: goneSince === undefined },
				})),
			}),
		).sort((left, right) => right.demand - left.demand);
	}

	#addHolder(holder: string): Map<string, string> | undefined {
		if (this.#held.size >= maxHolders) return undefined;
		const held = new Map<string, string>();
		this.#held.set(holder, held);
		return held;
	}

	/** A lease is told again when half of it has passed. */
	#isDue(holder: Holder, now: Millis): boolean {
		return holder.goneSince === undefined && now - holder.toldAt >= this.#options.leaseMs / 2;
	}

	#tell(actions: QuotaAction[], bucket: QuotaBucket, holder: Holder, now: Millis): void {
		if (holder.goneSince !== undefined || holder.lease === undefined) return;
		holder.toldAt = now;
		actions.push({ holder: holder.id, bucket: this.#ids.get(bucket.key)!, lease: holder.lease });
	}

	/** Takes back the longest unused buckets of a holder that has more of a limit than it may. */
	#bound(actions: QuotaAction[], holder: string, held: Map<string, string>, now: Millis): void {
		const counts = new Map<string, number>();
		for (const limit of held.values()) counts.set(limit, (counts.get(limit) ?? 0) + 1);
		for (const [key, limit] of held) {
			const bucket = this.#buckets.get(key);
			const count = counts.get(limit)!;
			if (bucket === undefined || count <= bucket.budget.maxKeys) continue;
			counts.set(limit, count - 1);
			actions.push({ holder, bucket: this.#ids.get(key)!, lease: undefined });
			this.#release(bucket, holder, now);
		}
	}

	#release(bucket: QuotaBucket, holder: string, now: Millis): void {
		bucket.remove(holder, now);
		const held = this.#held.get(holder);
		held?.delete(bucket.key);
		if (held?.size === 0) this.#held.delete(holder);
	}

	#forget(key: string, bucket: QuotaBucket, now: Millis): QuotaAction[] {
		const holders = [...bucket.holders.values()];
		for (const { id } of holders) this.#release(bucket, id, now);
		const id = this.#ids.get(key)!;
		this.#buckets.delete(key);
		this.#ids.delete(key);
		return holders
			.filter(({ goneSince }) => goneSince === undefined)
			.map((holder) => ({ holder: holder.id, bucket: id, lease: undefined }));
	}
}

/** One text for one bucket, whatever the order of its entries. */
export function formatBucketKey(id: BucketId): string {
	const names = Object.keys(id).sort();
	return JSON.stringify(names.map((name) => [name, id[name]]));
}
