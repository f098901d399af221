import { type Clock, describeError, type Log, type Timer } from "../core/index.ts";
import type { RegistrationEntry } from "../model/index.ts";
import type { RecordSet } from "./record-set.ts";

/** Registration entries. One that has expired is not listed any more, and removed. A change costs the same however many there are. */
export interface EntryRegistry {
	readonly size: number;
	/** In the order they were made. */
	list(): readonly RegistrationEntry[];
	get(id: string): RegistrationEntry | undefined;
	/** One with the same identity, parent and selectors. */
	findSame(entry: RegistrationEntry): RegistrationEntry | undefined;
	/** False when there is one of that id. */
	create(entry: RegistrationEntry): Promise<boolean>;
	put(entry: RegistrationEntry): Promise<void>;
	remove(id: string): Promise<boolean>;
	/** Calls back after every change, expiries included, with the ids of what has changed; returns how to stop. */
	watch(listener: (ids: readonly string[]) => void): () => void;
	close(): void;
}

/** Timers take no more than 2^31 ms. */
const maxTimerMs = 24 * 3_600_000;

/** Follows the records. */
export function createEntryRegistry(records: RecordSet<RegistrationEntry>, clock: Clock, log: Log): EntryRegistry {
	const listeners = new Set<(ids: readonly string[]) => void>();
	const live = new Map<string, RegistrationEntry>();
	/** The ids of those that say the same. */
	const alike = new Map<string, Set<string>>();
	/** When the entries expire that do. */
	const ends = new Map<string, number>();
	let sorted: readonly RegistrationEntry[] | undefined;
	let timer: Timer | undefined;
	let timerAt = Number.POSITIVE_INFINITY;

	function drop(id: string): void {
		const entry = live.get(id);
		if (entry === undefined) return;
		live.delete(id);
		ends.delete(id);
		const ids = alike.get(textOf(entry));
		ids?.delete(id);
		if (ids?.size === 0) alike.delete(textOf(entry));
	}

	function add(entry: RegistrationEntry): void {
		live.set(entry.id, entry);
		const text = textOf(entry);
		const ids = alike.get(text);
		if (ids === undefined) alike.set(text, new Set([entry.id]));
		else ids.add(entry.id);
		if (entry.expiresAt === undefined) return;
		ends.set(entry.id, entry.expiresAt);
		wakeAt(entry.expiresAt);
	}

	function wakeAt(time: number): void {
		if (time >= timerAt) return;
		timer?.cancel();
		timerAt = time;
		timer = clock.setTimer(Math.min(time - clock.wall(), maxTimerMs), endOld, { unref: true });
	}

	function endOld(): void {
		timerAt = Number.POSITIVE_INFINITY;
		const now = clock.wall();
		follow([...ends].filter(([, end]) => end <= now).map(([id]) => id));
		for (const end of ends.values()) wakeAt(end);
	}

	function read(id: string): void {
		drop(id);
		const entry = records.get(id);
		if (entry === undefined) return;
		if (entry.expiresAt === undefined || entry.expiresAt > clock.wall()) {
			add(entry);
			return;
		}
		records.remove(id).catch((error: unknown) => {
			log.warn("expired entry cannot be removed, it counts no more all the same", {
				id,
				reason: describeError(error),
			});
		});
	}

	function follow(ids: readonly string[]): void {
		if (ids.length === 0) return;
		for (const id of ids) read(id);
		sorted = undefined;
		for (const listener of [...listeners]) listener(ids);
	}

	for (const { id } of records.list()) read(id);
	const stop = records.watch(follow);
	return {
		get size() {
			return live.size;
		},
		list() {
			sorted ??= [...live.values()].sort(byAge);
			return sorted;
		},
		get: (id) => live.get(id),
		findSame(entry) {
			const [id] = alike.get(textOf(entry)) ?? [];
			return id === undefined ? undefined : live.get(id);
		},
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

function textOf({ spiffeId, parentId, selectors }: RegistrationEntry): string {
	return [spiffeId, parentId, ...selectors].join("\n");
}

function byAge(left: RegistrationEntry, right: RegistrationEntry): number {
	return left.createdAt - right.createdAt || (left.id < right.id ? -1 : 1);
}
