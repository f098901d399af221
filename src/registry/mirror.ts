import {
	type BackoffConfig,
	type Clock,
	createBackoff,
	describeError,
	type Log,
	MeshError,
	type Random,
	type Timer,
} from "../core/index.ts";
import type { KeyValue, Store, Watch, WatchBatch } from "./store.ts";

/** A copy of all keys with a prefix, kept current by a watch. When the store fails it stays as it was. */
export interface Mirror {
	readonly items: ReadonlyMap<string, KeyValue>;
	/** The newest revision that the copy has seen. */
	readonly revision: number;
	/** Resolves when the copy shows a revision at which one of its keys changed. */
	waitFor(revision: number): Promise<void>;
	close(): void;
}

/** What a mirror needs. */
export interface MirrorOptions {
	readonly store: Store;
	readonly prefix: string;
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	/** Called after every change of the copy. */
	readonly onChange: (keys: readonly string[]) => void;
}

const retry: BackoffConfig = { baseMs: 100, maxMs: 5000 };

/** Reads the keys and follows them.
 *  @throws MeshError of the store when the first read fails */
export async function openMirror(options: MirrorOptions): Promise<Mirror> {
	const { store, prefix, clock, random, log } = options;
	const items = new Map<string, KeyValue>();
	const waiting = new Set<{ readonly revision: number; readonly resolve: () => void }>();
	let revision = 0;
	let isOpen = true;
	let watch: Watch | undefined;
	let timer: Timer | undefined;
	const backoff = createBackoff(retry, random);

	const advance = (to: number, keys: readonly string[]): void => {
		revision = Math.max(revision, to);
		if (keys.length > 0) options.onChange(keys);
		for (const waiter of waiting) {
			if (waiter.revision > revision) continue;
			waiting.delete(waiter);
			waiter.resolve();
		}
	};
	const apply = (batch: WatchBatch): void => {
		const keys: string[] = [];
		for (const event of batch.events) {
			const key = event.kind === "put" ? event.item.key : event.key;
			if (event.kind === "put") items.set(key, event.item);
			else items.delete(key);
			keys.push(key);
		}
		advance(batch.revision, keys);
	};
	const follow = (): void => {
		backoff.reset();
		const onError = (error: Error): void => {
			watch = undefined;
			// A compacted watch only lost its place; anything else is a store in trouble.
			const isLost = error instanceof MeshError && error.code === "STORE_COMPACTED";
			if (!isLost)
				log.warn("watch of the store ended, last known state stays", { prefix, reason: describeError(error) });
			schedule(isLost ? 0 : backoff.next());
		};
		watch = store.watch({ prefix }, { onBatch: apply, onError }, { fromRevision: revision + 1 });
	};
	const read = async (): Promise<void> => {
		const range = await store.range({ prefix });
		if (!isOpen) return;
		const changed = replace(items, range.items);
		advance(range.revision, changed);
		follow();
	};
	const schedule = (delayMs: number): void => {
		if (!isOpen) return;
		const again = (): void => {
			read().catch((error: unknown) => {
				log.warn("store cannot be read, last known state stays", { prefix, reason: describeError(error) });
				schedule(backoff.next());
			});
		};
		timer = clock.setTimer(delayMs, again, { unref: true });
	};
	await read();
	return {
		items,
		get revision() {
			return revision;
		},
		waitFor(wanted) {
			if (revision >= wanted || !isOpen) return Promise.resolve();
			return new Promise((resolve) => waiting.add({ revision: wanted, resolve }));
		},
		close() {
			isOpen = false;
			watch?.close();
			timer?.cancel();
			for (const { resolve } of waiting) resolve();
			waiting.clear();
		},
	};
}

/** Makes `items` hold exactly `read`; returns the keys that differ. */
function replace(items: Map<string, KeyValue>, read: readonly KeyValue[]): string[] {
	const changed: string[] = [];
	const present = new Set(read.map((item) => item.key));
	for (const key of items.keys()) {
		if (present.has(key)) continue;
		items.delete(key);
		changed.push(key);
	}
	for (const item of read) {
		if (items.get(item.key)?.modRevision === item.modRevision) continue;
		items.set(item.key, item);
		changed.push(item.key);
	}
	return changed;
}
