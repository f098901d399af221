import {
	type Clock,
	describeError,
	type Log,
	MeshError,
	type Random,
	silentLog,
	systemClock,
	systemRandom,
	type Timer,
} from "../core/index.ts";
import { formatObjectName, type ObjectName, type WorkloadInstance } from "../model/index.ts";
import { openMirror } from "./mirror.ts";
import type { LeaseId, Operation, Store } from "./store.ts";

/** The running instances of the mesh. An instance lives by a lease; one whose lease ended is listed as `unready` for a grace
 *  time, and then forgotten. While the store fails, the last known list stays; so does it when most leases end together, because then
 *  whoever keeps them alive is away, not the instances. */
export interface InstanceRegistry {
	/** Registers an instance, or replaces it. It is in `list` when the promise resolves.
	 *  @param leaseTtlMs how long it counts as alive without a keep-alive */
	put(instance: WorkloadInstance, leaseTtlMs: number): Promise<void>;
	/** Keeps an instance alive; revives one that lost its lease and is still listed.
	 *  @throws MeshError `INSTANCE_UNKNOWN` when it is not listed: register it again */
	keepAlive(instance: ObjectName): Promise<void>;
	/** Removes an instance; returns whether there was one. */
	remove(instance: ObjectName): Promise<boolean>;
	/** All instances in the order of namespace and name, as last known. */
	list(): readonly WorkloadInstance[];
	/** Calls back after every change of the list; returns how to stop. */
	watch(listener: (instances: readonly WorkloadInstance[]) => void): () => void;
	close(): void;
}

/** Options of `createInstanceRegistry`. */
export interface InstanceRegistryOptions {
	readonly clock?: Clock;
	readonly random?: Random;
	readonly log?: Log;
	/** How long an instance without a lease stays listed, as `unready`; 300000 by default. */
	readonly graceMs?: number;
}

const lost = "its lease ended: whoever runs it has not been heard of";
const recordPrefix = "/amime/instances/record/";
const lifePrefix = "/amime/instances/life/";
const prefix = "/amime/instances/";

/** What is kept of an instance. */
interface Entry {
	readonly instance: WorkloadInstance;
	readonly leaseTtlMs: number;
}

/** Opens the registry on a store. A record key holds each instance; a life key with the lease says that it is alive.
 *  @throws MeshError of the store when it cannot be read */
export async function createInstanceRegistry(
	store: Store,
	options: InstanceRegistryOptions = {},
): Promise<InstanceRegistry> {
	const { clock = systemClock, random = systemRandom, log = silentLog, graceMs = 300_000 } = options;
	const listeners = new Set<(instances: readonly WorkloadInstance[]) => void>();
	const entries = new Map<string, { readonly modRevision: number; readonly entry: Entry }>();
	const graceTimers = new Map<string, Timer>();
	let list: readonly WorkloadInstance[] = [];
	let isReady = false;
	let wasAway = false;

	const refresh = (): void => {
		list = buildList();
		for (const listener of listeners) listener(list);
	};
	const buildList = (): readonly WorkloadInstance[] => {
		const instances: WorkloadInstance[] = [];
		const keepsAll = isKeeperAway();
		for (const [key, item] of mirror.items) {
			if (!key.startsWith(recordPrefix)) continue;
			const name = key.slice(recordPrefix.length);
			const entry = readEntry(name, item.modRevision, item.value);
			if (entry === undefined) continue;
			const isAlive = mirror.items.has(lifePrefix + name);
			watchGrace(name, isAlive);
			instances.push(
				isAlive || keepsAll ? entry.instance : { ...entry.instance, health: "unready", healthReason: lost },
			);
		}
		for (const name of entries.keys()) if (!mirror.items.has(recordPrefix + name)) forget(name);
		return instances.sort((left, right) => compareText(formatObjectName(left), formatObjectName(right)));
	};
	/** Whether more than half of several instances are without a lease. */
	const isKeeperAway = (): boolean => {
		let known = 0;
		let lost = 0;
		for (const key of mirror.items.keys()) {
			if (!key.startsWith(recordPrefix)) continue;
			known++;
			if (!mirror.items.has(lifePrefix + key.slice(recordPrefix.length))) lost++;
		}
		const isAway = lost > 1 && lost * 2 > known;
		if (isAway !== wasAway) {
			wasAway = isAway;
			if (isAway) log.warn("most leases ended together: instances stay as they were last known", { lost, known });
			else log.info("leases are kept again", { lost, known });
		}
		return isAway;
	};
	const readEntry = (name: string, modRevision: number, text: string): Entry | undefined => {
		const known = entries.get(name);
		if (known?.modRevision === modRevision) return known.entry;
		const entry = parseEntry(text);
		if (entry === undefined) log.error("record of an instance cannot be read and is left out", { instance: name });
		else entries.set(name, { modRevision, entry });
		return entry;
	};
	const forget = (name: string): void => {
		entries.delete(name);
		graceTimers.get(name)?.cancel();
		graceTimers.delete(name);
	};
	const watchGrace = (name: string, isAlive: boolean): void => {
		const timer = graceTimers.get(name);
		if (isAlive) {
			timer?.cancel();
			graceTimers.delete(name);
		} else if (timer === undefined) {
			log.warn("instance lost its lease", { instance: name, forgottenInMs: graceMs });
			graceTimers.set(
				name,
				clock.setTimer(graceMs, () => endGrace(name), { unref: true }),
			);
		}
	};
	const endGrace = (name: string): void => {
		graceTimers.delete(name);
		const record = mirror.items.get(recordPrefix + name);
		if (record === undefined) return;
		if (wasAway) {
			watchGrace(name, false);
			return;
		}
		const compare = [
			{ key: lifePrefix + name, target: "version", is: "equal", value: 0 },
			{ key: record.key, target: "modRevision", is: "equal", value: record.modRevision },
		] as const;
		const success: Operation[] = [{ kind: "delete", key: record.key }];
		store.txn({ compare, success }).catch((error: unknown) => {
			log.warn("instance cannot be forgotten, trying again later", { instance: name, reason: describeError(error) });
			watchGrace(name, false);
		});
	};

	const mirror = await openMirror({ store, prefix, clock, random, log, onChange: () => isReady && refresh() });
	isReady = true;
	list = buildList();

	/** Gives an entry a new life, and ends the one it had. */
	const revive = async (name: string, entry: Entry): Promise<void> => {
		const previous: LeaseId = mirror.items.get(lifePrefix + name)?.lease ?? 0;
		const lease = await store.grantLease(entry.leaseTtlMs);
		const { revision } = await store.txn({
			success: [
				{ kind: "put", key: recordPrefix + name, value: JSON.stringify(entry) },
				{ kind: "put", key: lifePrefix + name, value: "", lease: lease.id },
			],
		});
		if (previous !== 0) await store.revoke(previous);
		await mirror.waitFor(revision);
	};

	return {
		put: (instance, leaseTtlMs) => revive(formatObjectName(instance), { instance, leaseTtlMs }),
		async keepAlive(instance) {
			const name = formatObjectName(instance);
			const entry = entries.get(name)?.entry;
			if (entry === undefined)
				throw new MeshError("INSTANCE_UNKNOWN", `instance ${name} is not registered: register it again`);
			const life = mirror.items.get(lifePrefix + name);
			if (life !== undefined && (await renew(store, life.lease))) return;
			await revive(name, entry);
		},
		async remove(instance) {
			const name = formatObjectName(instance);
			const lease = mirror.items.get(lifePrefix + name)?.lease ?? 0;
			const keys = [recordPrefix + name, lifePrefix + name];
			const { revision, deleted } = await store.txn({ success: keys.map((key) => ({ kind: "delete", key })) });
			if (lease !== 0) await store.revoke(lease);
			if (deleted > 0) await mirror.waitFor(revision);
			return deleted > 0;
		},
		list: () => list,
		watch(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		close() {
			isReady = false;
			mirror.close();
			for (const timer of graceTimers.values()) timer.cancel();
			graceTimers.clear();
			listeners.clear();
		},
	};
}

/** Renews a lease; false when it has ended. */
async function renew(store: Store, lease: LeaseId): Promise<boolean> {
	try {
		await store.keepAlive(lease);
		return true;
	} catch (error) {
		if (error instanceof MeshError && error.code === "STORE_LEASE_NOT_FOUND") return false;
		throw error;
	}
}

/** A record as this registry wrote it, or undefined when it did not. */
function parseEntry(text: string): Entry | undefined {
	try {
		const entry: unknown = JSON.parse(text);
		if (entry === null || typeof entry !== "object" || !("instance" in entry)) return undefined;
		const { instance } = entry;
		if (instance === null || typeof instance !== "object" || !("name" in instance)) return undefined;
		return entry as Entry;
	} catch (error) {
		if (error instanceof SyntaxError) return undefined;
		throw error;
	}
}

function compareText(left: string, right: string): number {
	return left < right ? -1 : left > right ? 1 : 0;
}
