import { type Clock, describeError, type Log, silentLog, systemClock, type Timer } from "../core/index.ts";
import type { AttestedAgent, RegistrationEntry } from "../model/index.ts";
import { type Challenges, createChallenges } from "./challenges.ts";
import { createOneTimeSecrets, type OneTimeSecrets } from "./one-time-secrets.ts";
import { openRecordSet, type RecordSet } from "./record-set.ts";
import type { Store } from "./store.ts";

/** Registration entries, the nodes that attested, and what they attest with once: all control planes on one store share them. */
export interface IdentityRegistry {
	readonly entries: EntryRegistry;
	readonly agents: RecordSet<AttestedAgent>;
	readonly secrets: OneTimeSecrets;
	readonly challenges: Challenges;
	close(): void;
}

/** Registration entries. One that has expired is not listed any more, and removed. */
export interface EntryRegistry {
	/** In the order they were made. */
	list(): readonly RegistrationEntry[];
	get(id: string): RegistrationEntry | undefined;
	/** False when there is one of that id. */
	create(entry: RegistrationEntry): Promise<boolean>;
	put(entry: RegistrationEntry): Promise<void>;
	remove(id: string): Promise<boolean>;
	/** Calls back after every change, expiries included; returns how to stop. */
	watch(listener: () => void): () => void;
}

export interface IdentityRegistryOptions {
	readonly clock?: Clock;
	readonly log?: Log;
}

/** Timers take no more than 2^31 ms. */
const maxTimerMs = 24 * 3_600_000;

/** @throws MeshError of the store when it cannot be read */
export async function createIdentityRegistry(
	store: Store,
	options: IdentityRegistryOptions = {},
): Promise<IdentityRegistry> {
	const { clock = systemClock, log = silentLog } = options;
	const records = await openRecordSet<RegistrationEntry>(store, {
		prefix: "/amime/identity/entries/",
		parse: (value) => (hasText(value, "id", "spiffeId", "parentId") ? (value as RegistrationEntry) : undefined),
		clock,
		log,
	});
	const agents = await openRecordSet<AttestedAgent>(store, {
		prefix: "/amime/identity/agents/",
		parse: (value) => (hasText(value, "spiffeId", "attestor") ? (value as AttestedAgent) : undefined),
		clock,
		log,
	});
	const entries = createEntryRegistry(records, clock, log);
	return {
		entries,
		agents,
		secrets: createOneTimeSecrets(store, clock),
		challenges: createChallenges(store, clock),
		close() {
			entries.close();
			records.close();
			agents.close();
		},
	};
}

function createEntryRegistry(
	records: RecordSet<RegistrationEntry>,
	clock: Clock,
	log: Log,
): EntryRegistry & { close(): void } {
	const listeners = new Set<() => void>();
	let live: readonly RegistrationEntry[] = [];
	let timer: Timer | undefined;
	const isLive = ({ expiresAt }: RegistrationEntry): boolean => expiresAt === undefined || expiresAt > clock.wall();

	const refresh = (): void => {
		timer?.cancel();
		const all = records.list();
		live = all.filter(isLive).sort(byAge);
		for (const { id } of all.filter((entry) => !isLive(entry)))
			records.remove(id).catch((error: unknown) => {
				log.warn("expired entry cannot be removed, it counts no more all the same", {
					id,
					reason: describeError(error),
				});
			});
		let next = Number.POSITIVE_INFINITY;
		for (const { expiresAt = next } of live) next = Math.min(next, expiresAt);
		if (next < Number.POSITIVE_INFINITY)
			timer = clock.setTimer(Math.min(next - clock.wall(), maxTimerMs), tell, { unref: true });
	};
	const tell = (): void => {
		refresh();
		for (const listener of [...listeners]) listener();
	};
	refresh();
	const stop = records.watch(tell);
	return {
		list: () => live,
		get: (id) => live.find((entry) => entry.id === id),
		create: (entry) => records.create(entry.id, entry),
		put: (entry) => records.put(entry.id, entry),
		remove: (id) => records.remove(id),
		watch(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		close() {
			stop();
			timer?.cancel();
			listeners.clear();
		},
	};
}

function byAge(left: RegistrationEntry, right: RegistrationEntry): number {
	return left.createdAt - right.createdAt || (left.id < right.id ? -1 : 1);
}

function hasText(value: unknown, ...fields: readonly string[]): boolean {
	if (typeof value !== "object" || value === null) return false;
	return fields.every((field) => typeof (value as Record<string, unknown>)[field] === "string");
}
