import { type Clock, describeError, type Log, MeshError, type Random, type Timer } from "../../core/index.ts";
import { type LeaseId, openMirror, type Store } from "../../registry/index.ts";
import { headroom } from "./bucket.ts";
import { divideFairly } from "./divide.ts";
import type { BucketDemand } from "./ledger.ts";

/** The control planes of one store that give out quotas: each says under a lease what it is asked for, and by what all say each knows its
 *  part of every budget. One that ends leaves its part to the others when its lease ends. */
export interface QuotaMembers {
	/** The part of a budget that this one gives out, 0 to 1.
	 *  @param rate the whole budget, in requests a second */
	shareOf(bucket: string, rate: number): number;
	/** How many there are, this one included. */
	readonly count: number;
	/** Says anew what this one is asked for. */
	publish(demands: readonly BucketDemand[]): void;
	/** Leaves: its part is free at once. */
	close(): Promise<void>;
}

export interface QuotaMembersOptions {
	readonly store: Store;
	/** Names this control plane among the others. */
	readonly id: string;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
}

const prefix = "/amime/quota/members/";
const ttlMs = 6_000;
const renewMs = 2_000;
/** Buckets that one says its demand of; of the others it gives out the floor. */
export const maxPublished = 2_000;
/** Part of every budget that is divided alike among all: whoever is asked for a bucket the first time has that at once. */
const floorShare = 0.2;

/** By bucket. */
type Demands = ReadonlyMap<string, Pick<BucketDemand, "demand" | "holders">>;

const nothing = { demand: 0, holders: 0 };

/** Joins the control planes of a store.
 *  @throws MeshError of the store when it cannot be read */
export async function joinQuotaMembers(options: QuotaMembersOptions): Promise<QuotaMembers> {
	const { store, id, clock, log } = options;
	const key = prefix + id;
	const parsed = new Map<string, Demands>();
	let wanted = "[]";
	let written: string | undefined;
	let lease: LeaseId | undefined;
	let timer: Timer | undefined;
	let isClosed = false;
	let running: Promise<void> = Promise.resolve();

	let isRead = false;
	const mirror = await openMirror({
		...{ store, prefix, clock, log, random: options.random },
		onChange(keys) {
			// What is there already is told while the mirror is being opened.
			if (!isRead) return;
			for (const changed of keys) {
				const item = mirror.items.get(changed);
				if (item === undefined) parsed.delete(changed);
				else parsed.set(changed, readDemands(item.value));
			}
		},
	});
	isRead = true;
	for (const [known, { value }] of mirror.items) parsed.set(known, readDemands(value));

	async function write(): Promise<void> {
		try {
			if (lease === undefined) {
				lease = (await store.grantLease(ttlMs)).id;
				written = undefined;
			} else await store.keepAlive(lease);
			const value = wanted;
			if (value === written) return;
			await store.txn({ success: [{ kind: "put", key, value, lease }] });
			written = value;
		} catch (error) {
			if (!(error instanceof MeshError)) throw error;
			log.warn("the quota authority cannot tell the others what it gives out", { problem: describeError(error) });
			lease = undefined;
		}
	}

	function arm(): void {
		if (isClosed) return;
		timer = clock.setTimer(
			renewMs,
			() => {
				running = write().finally(arm);
			},
			{ unref: true },
		);
	}

	await write();
	arm();
	return {
		shareOf(bucket, rate) {
			const count = Math.max(1, parsed.size);
			if (count === 1) return 1;
			// Everyone divides by what was written, not by what it knows of itself: so all come to the same parts.
			const keys = [...parsed.keys()].sort();
			const position = keys.indexOf(key);
			if (position === -1) return floorShare / (count + 1);
			const asked = keys.map((name) => parsed.get(name)!.get(bucket) ?? nothing);
			if (rate <= 0) return 1 / count;
			// What its proxies divide among themselves comes to the same as if all divided together, as far as those of one plane ask alike.
			const parts = divideFairly(
				rate,
				asked.map(({ demand }) => demand * headroom),
				floorShare,
				asked.map(({ holders }) => Math.max(1, holders)),
			);
			return parts[position]! / rate;
		},
		get count() {
			return Math.max(1, parsed.size);
		},
		publish(demands) {
			const others = parsed.size - (parsed.has(key) ? 1 : 0);
			// Alone nobody reads it.
			const told = others === 0 ? [] : demands.slice(0, maxPublished);
			wanted = JSON.stringify(told.map(({ bucket, demand, holders }) => [bucket, roundDemand(demand), holders]));
		},
		async close() {
			isClosed = true;
			timer?.cancel();
			await running;
			mirror.close();
			if (lease === undefined) return;
			await store.revoke(lease).catch((error: unknown) => {
				if (!(error instanceof MeshError)) throw error;
				// It ends by itself.
			});
		},
	};
}

/** Two digits: what changes by less is not written again. */
function roundDemand(demand: number): number {
	return Number(demand.toPrecision(2));
}

function isCount(value: unknown): value is number {
	return typeof value === "number" && value >= 0;
}

function readDemands(value: string): Demands {
	try {
		const items: unknown = JSON.parse(value);
		if (!Array.isArray(items)) return new Map();
		return new Map(
			items.flatMap((item: unknown) => {
				if (!Array.isArray(item) || typeof item[0] !== "string" || !isCount(item[1])) return [];
				return [[item[0], { demand: item[1], holders: isCount(item[2]) ? item[2] : 1 }] as const];
			}),
		);
	} catch (error) {
		if (!(error instanceof SyntaxError)) throw error;
		return new Map();
	}
}
