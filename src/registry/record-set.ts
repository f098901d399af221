import { type Clock, type Log, MeshError, type Random, silentLog, systemClock, systemRandom } from "../core/index.ts";
import { openMirror } from "./mirror.ts";
import { isAbsent, type Store } from "./store.ts";

/** Values under one prefix of the store, each by a name, kept current by a watch. While the store fails, the last known ones stay. */
export interface RecordSet<T> {
	/** In the order of names. */
	list(): readonly T[];
	get(name: string): T | undefined;
	/** Adds a value; false when there is one of that name. It is in `list` when the promise resolves. */
	create(name: string, value: T): Promise<boolean>;
	/** Adds or replaces a value. */
	put(name: string, value: T): Promise<void>;
	/** Replaces a value by what `change` makes of it, read straight from the store, in one transaction; tries again when another was quicker.
	 *  Returns the new value; undefined when `change` left it as it is.
	 *  @throws MeshError `STORE_BUSY` when others change it all the time */
	update(name: string, change: (value: T | undefined) => T | undefined): Promise<T | undefined>;
	/** Returns whether there was one. */
	remove(name: string): Promise<boolean>;
	/** Calls back after every change with the names of what has changed; returns how to stop. */
	watch(listener: (names: readonly string[]) => void): () => void;
	/** The newest revision at which something changed. */
	readonly revision: number;
	close(): void;
}

/** Options of `openRecordSet`. */
export interface RecordSetOptions<T> {
	/** Ends with `/`. */
	readonly prefix: string;
	/** Reads what was kept; undefined for what cannot be read, which is left out and logged. */
	readonly parse: (value: unknown) => T | undefined;
	readonly clock?: Clock;
	readonly random?: Random;
	readonly log?: Log;
}

const maxTries = 5;

/** Opens a set of records on a store.
 *  @throws MeshError of the store when it cannot be read */
export async function openRecordSet<T>(store: Store, options: RecordSetOptions<T>): Promise<RecordSet<T>> {
	const { prefix, parse, clock = systemClock, random = systemRandom, log = silentLog } = options;
	const listeners = new Set<(names: readonly string[]) => void>();
	const values = new Map<string, T>();
	let sorted: readonly T[] | undefined;
	let isReady = false;

	const read = (key: string): void => {
		sorted = undefined;
		values.delete(key);
		const item = mirror.items.get(key);
		if (item === undefined) return;
		const value = parse(parseJson(item.value));
		if (value === undefined) log.error("record of the store cannot be read and is left out", { key });
		else values.set(key, value);
	};
	const onChange = (keys: readonly string[]): void => {
		if (!isReady) return;
		for (const key of keys) read(key);
		const names = keys.map((key) => key.slice(prefix.length));
		for (const listener of [...listeners]) listener(names);
	};
	const mirror = await openMirror({ store, prefix, clock, random, log, onChange });
	isReady = true;
	for (const key of mirror.items.keys()) read(key);

	return {
		list() {
			sorted ??= [...values].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, value]) => value);
			return sorted;
		},
		get: (name) => values.get(prefix + name),
		async create(name, value) {
			const key = prefix + name;
			const { succeeded, revision } = await store.txn({
				compare: [isAbsent(key)],
				success: [{ kind: "put", key, value: JSON.stringify(value) }],
			});
			if (succeeded) await mirror.waitFor(revision);
			return succeeded;
		},
		async put(name, value) {
			const { revision } = await store.txn({
				success: [{ kind: "put", key: prefix + name, value: JSON.stringify(value) }],
			});
			await mirror.waitFor(revision);
		},
		async update(name, change) {
			const key = prefix + name;
			for (let tries = 1; tries <= maxTries; tries++) {
				const [item] = (await store.range({ key })).items;
				const after = change(item && parse(parseJson(item.value)));
				if (after === undefined) return undefined;
				const { succeeded, revision } = await store.txn({
					compare: [{ key, target: "modRevision", is: "equal", value: item?.modRevision ?? 0 }],
					success: [{ kind: "put", key, value: JSON.stringify(after) }],
				});
				if (!succeeded) continue;
				await mirror.waitFor(revision);
				return after;
			}
			throw new MeshError("STORE_BUSY", `others change ${key} all the time: try again`);
		},
		async remove(name) {
			const { revision, deleted } = await store.txn({ success: [{ kind: "delete", key: prefix + name }] });
			if (deleted > 0) await mirror.waitFor(revision);
			return deleted > 0;
		},
		watch(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		get revision() {
			return mirror.revision;
		},
		close() {
			isReady = false;
			mirror.close();
			listeners.clear();
		},
	};
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch (error) {
		if (error instanceof SyntaxError) return undefined;
		throw error;
	}
}
