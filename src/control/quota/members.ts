import { type Clock, describeError, type Log, MeshError, type Random, type Timer } from "../../core/index.ts";
import { type LeaseId, openMirror, type Store } from "../../registry/index.ts";
import { divideFairly } from "./divide.ts";

/** The control planes of one store that give out quotas: each says under a lease what it is asked for, and by what all say each knows its
 *  part of every budget. One that ends leaves its part to the others when its lease ends. */
export interface QuotaMembers {
	/** The part of a budget that this one gives out, 0 to 1. */
	shareOf(bucket: string): number;
	/** How many there are, this one included. */
	readonly count: number;
	/** Says anew what this one is asked for. */
	publish(demands: readonly (readonly [bucket: string, demand: number])[]): void;
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

type Demands = ReadonlyMap<string, number>;

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
		shareOf(bucket) {
			const count = Math.max(1, parsed.size);
			if (count === 1) return 1;
			// Everyone divides by what was written, not by what it knows of itself: so all come to the same parts.
			const keys = [...parsed.keys()].sort();
			const position = keys.indexOf(key);
			if (position === -1) return floorShare / (count + 1);
			const demands = keys.map((name) => parsed.get(name)!.get(bucket) ?? 0);
			const total = demands.reduce((sum, demand) => sum + demand, 0);
			if (total === 0) return 1 / count;
			return divideFairly(
				1,
				demands.map((demand) => demand / total),
				floorShare,
			)[position]!;
		},
		get count() {
			return Math.max(1, parsed.size);
		},
		publish(demands) {
			const others = parsed.size - (parsed.has(key) ? 1 : 0);
			// Alone nobody reads it.
			const told = others === 0 ? [] : demands.slice(0, maxPublished);
			wanted = JSON.stringify(told.map(([bucket, demand]) => [bucket, roundDemand(demand)]));
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

function readDemands(value: string): Demands {
	try {
		const items: unknown = JSON.parse(value);
		if (!Array.isArray(items)) return new Map();
		return new Map(
			items.flatMap((item: unknown) =>
				Array.isArray(item) && typeof item[0] === "string" && typeof item[1] === "number" && item[1] >= 0
					? [[item[0], item[1]] as const]
					: [],
			),
		);
	} catch (error) {
		if (!(error instanceof SyntaxError)) throw error;
		return new Map();
	}
}
