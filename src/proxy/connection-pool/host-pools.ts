import type { ClusterResources } from "../cluster/index.ts";
import type { UpstreamPool } from "./upstream-pool.ts";

/** Pools of one host beside the plain ones, at most: those that came first are let go. */
const maxOwnPools = 256;

interface Slot {
	readonly pool: UpstreamPool;
	readonly resources: ClusterResources;
	/** Whether it has a place of the circuit breaker: from its use on until it has neither a connection nor a waiter. */
	isHeld: boolean;
}

/** The pools of one host by what their connections have in common, within the pools that the cluster's circuit breaker allows.
 *  Spec: Envoy `ConnPoolMap`. */
export class HostPools {
	readonly #slots = new Map<string, Slot>();

	/** The pool of that key. `undefined` when there is none, `"overflow"` when it has no place and nobody makes room. */
	get(key: string): UpstreamPool | "overflow" | undefined {
		const slot = this.#slots.get(key);
		if (slot === undefined || slot.isHeld) return slot?.pool;
		if (!this.#acquire(slot.resources)) return "overflow";
		slot.isHeld = true;
		return slot.pool;
	}

	/** Makes the pool of a key that has none; undefined when there is no place for one.
	 *  @param isOwn whether the key says more than protocol and priority
	 *  @param create `onEmpty` is called whenever the pool may have got empty */
	add(
		key: string,
		isOwn: boolean,
		resources: ClusterResources,
		create: (onEmpty: () => void) => UpstreamPool,
	): UpstreamPool | undefined {
		if (!this.#acquire(resources)) return undefined;
		if (isOwn) this.#dropOldest();
		const slot: Slot = {
			resources,
			isHeld: true,
			pool: create(() => {
				if (slot.pool.isEmpty) release(slot);
			}),
		};
		this.#slots.set(key, slot);
		return slot.pool;
	}

	/** Does something with every pool. */
	forEach(action: (pool: UpstreamPool) => void): void {
		for (const { pool } of this.#slots.values()) action(pool);
	}

	/** Forgets the pools: the next request gets a new one. They give their places up as they get empty. */
	clear(): void {
		for (const slot of this.#slots.values()) if (slot.pool.isEmpty) release(slot);
		this.#slots.clear();
	}

	/** A place, that of a pool of the same priority without requests if there is no other. */
	#acquire(resources: ClusterResources): boolean {
		if (resources.tryAcquirePool()) return true;
		for (const [key, slot] of this.#slots) {
			if (slot.resources !== resources || !slot.isHeld || slot.pool.isBusy) continue;
			this.#slots.delete(key);
			slot.pool.close();
			release(slot);
			return resources.tryAcquirePool();
		}
		return false;
	}

	#dropOldest(): void {
		if (this.#slots.size < maxOwnPools) return;
		for (const [key, slot] of this.#slots) {
			if (!slot.pool.isEmpty) continue;
			this.#slots.delete(key);
			release(slot);
		}
		if (this.#slots.size < maxOwnPools) return;
		for (const [key, slot] of this.#slots) {
			this.#slots.delete(key);
			slot.pool.drain();
			return;
		}
	}
}

function release(slot: Slot): void {
	if (!slot.isHeld) return;
	slot.isHeld = false;
	slot.resources.releasePool();
}
