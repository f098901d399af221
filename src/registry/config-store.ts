import { randomUUID } from "node:crypto";
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
import {
	type ConfigChange,
	type HistoryAction,
	type HistoryEntry,
	maxOperations,
	planRollback,
	pruneHistory,
	readHistory,
	recordOperation,
} from "./config-history.ts";
import { openMirror } from "./mirror.ts";
import type { KeyValue, Operation, Store, Watch, WatchEvent } from "./store.ts";

/** The name of an object among all. */
export interface StoredObjectName {
	readonly kind: string;
	readonly namespace: string;
	readonly name: string;
}

/** An object applied by hand, as its document says it. */
export interface StoredObject extends StoredObjectName {
	/** The document as plain JSON. */
	readonly document: unknown;
	/** When it was first put, in milliseconds since the epoch. */
	readonly createdAt: number;
	/** Revision of the store that last changed it. */
	readonly revision: number;
}

/** Config objects applied through the admin API. What they mean is not its concern. */
export interface ConfigStore {
	/** Puts objects, in one transaction unless they are more than etcd takes in one; those that exist keep their `createdAt`. They are in
	 *  `list` when the promise resolves. */
	put(
		objects: readonly (StoredObjectName & { readonly document: unknown })[],
		author?: string,
		as?: { readonly action: HistoryAction; readonly note: string },
	): Promise<void>;
	/** Writes into the history what changed nothing. */
	remark(author: string, action: HistoryAction, note: string): Promise<void>;
	/** Deletes an object; returns whether there was one. */
	delete(object: StoredObjectName, author?: string): Promise<boolean>;
	/** Who changed what and when, newest first; bounded. */
	history(): Promise<readonly HistoryEntry[]>;
	/** Makes every object as it was at a revision of the history; returns what that changed. An object whose creation is undone and
	 *  redone counts as made anew.
	 *  @throws MeshError `REVISION_UNKNOWN` */
	rollback(revision: number, author?: string, isBefore?: boolean): Promise<readonly ConfigChange[]>;
	get(object: StoredObjectName): StoredObject | undefined;
	/** All objects in the order of kind, namespace and name, as last known. */
	list(): readonly StoredObject[];
	/** All objects straight from the store, and the revision they are of. */
	read(): Promise<{ readonly revision: number; readonly objects: readonly StoredObject[] }>;
	/** Every change of a revision on, once and in order; a deleted object is known by its name alone. */
	watchFrom(revision: number, listener: WatchedListener): Watch;
	/** Calls back after every change; returns how to stop. */
	watch(listener: (objects: readonly StoredObject[]) => void): () => void;
	close(): void;
}

/** One change of one object. */
export type WatchedChange =
	| { readonly kind: "put"; readonly object: StoredObject }
	| { readonly kind: "delete"; readonly object: StoredObjectName & { readonly revision: number } };

/** Who receives changes, see `WatchListener`. */
export interface WatchedListener {
	onChanges(changes: readonly WatchedChange[], revision: number): void;
	onError(error: Error): void;
}

/** Options of `createConfigStore`. */
export interface ConfigStoreOptions {
	readonly clock?: Clock;
	readonly random?: Random;
	readonly log?: Log;
}

const prefix = "/amime/config/";

/** Opens the config kept in a store.
 *  @throws MeshError of the store when it cannot be read */
export async function createConfigStore(store: Store, options: ConfigStoreOptions = {}): Promise<ConfigStore> {
	const { clock = systemClock, random = systemRandom, log = silentLog } = options;
	const listeners = new Set<(objects: readonly StoredObject[]) => void>();
	let list: readonly StoredObject[] | undefined;
	/** What each key holds, so that a change of one is not a reading of all. */
	const objects = new Map<string, StoredObject | undefined>();
	const positions = new Map<string, number>();
	const read = (): readonly StoredObject[] => {
		if (list !== undefined) return list;
		positions.clear();
		const next: StoredObject[] = [];
		for (const item of [...mirror.items.values()].sort((left, right) => (left.key < right.key ? -1 : 1))) {
			if (!objects.has(item.key)) objects.set(item.key, parseObject(item, log));
			const object = objects.get(item.key);
			if (object !== undefined) positions.set(item.key, next.push(object) - 1);
		}
		list = next;
		return list;
	};
	/** The list with objects changed in their places; undefined when some came or went. */
	const replaceChanged = (before: readonly StoredObject[], keys: readonly string[]): StoredObject[] | undefined => {
		const next = [...before];
		for (const key of keys) {
			const [position, item] = [positions.get(key), mirror.items.get(key)];
			const object = item && parseObject(item, log);
			if (position === undefined || object === undefined) return undefined;
			objects.set(key, object);
			next[position] = object;
		}
		return next;
	};
	const onChange = (keys: readonly string[]): void => {
		for (const key of keys) objects.delete(key);
		list = list && replaceChanged(list, keys);
		for (const listener of listeners) listener(read());
	};
	const mirror = await openMirror({ store, prefix, clock, random, log, onChange });
	let pruning: Timer | undefined;
	/** Behind the change, which must not wait for it. */
	const pruneSoon = (): void => {
		pruning ??= clock.setTimer(
			pruneDelayMs,
			() => {
				pruning = undefined;
				pruneHistory(store).catch((error: unknown) => {
					log.warn("history could not be shortened, the next change tries again", { reason: describeError(error) });
				});
			},
			{ unref: true },
		);
	};

	/** Writes one portion with its record; tries again when another control plane was quicker. Returns what it changed. */
	const writePortion = async (targets: readonly Target[], entry: Deed) => {
		for (let tries = 1; tries <= maxTries; tries++) {
			const found = await Promise.all(targets.map((target) => store.range({ key: toKey(target) })));
			const items = found.map((range) => range.items[0]);
			const changes = targets.flatMap((target, position) => toChange(target, items[position], log) ?? []);
			if (changes.length === 0) return [];
			const at = clock.wall();
			const { succeeded, revision } = await store.txn({
				compare: targets.map((target, position) => ({
					key: toKey(target),
					target: "modRevision",
					is: "equal",
					value: items[position]?.modRevision ?? 0,
				})),
				success: [
					...targets.flatMap((target, position) => toOperation(target, items[position], at, log) ?? []),
					recordOperation({ at, ...entry, changes }, `${at}-${randomUUID()}`),
				],
			});
			if (!succeeded) continue;
			await mirror.waitFor(revision);
			return changes;
		}
		throw new MeshError("CONFIG_CONFLICT", "others change the same objects all the time: look, and try again");
	};
	const write = async (targets: readonly Target[], entry: Deed) => {
		const changes: ConfigChange[] = [];
		for (const portion of divide(targets)) changes.push(...(await writePortion(portion, entry)));
		if (changes.length > 0) pruneSoon();
		return changes;
	};
	return {
		async put(changed, author = "unknown", as) {
			const targets = changed.map(({ kind, namespace, name, document: after }) => ({ kind, namespace, name, after }));
			await write(targets, { author, action: "apply", ...as });
		},
		async remark(author, action, note) {
			const at = clock.wall();
			const operation = recordOperation({ at, author, action, note, changes: [] }, `${at}-${randomUUID()}`);
			await store.txn({ success: [operation] });
		},
		async delete({ kind, namespace, name }, author = "unknown") {
			return (await write([{ kind, namespace, name }], { author, action: "delete" })).length > 0;
		},
		history: () => readHistory(store, log),
		async rollback(revision, author = "unknown", isBefore = false) {
			const changes = planRollback(await readHistory(store, log), revision, isBefore);
			return write(changes, { author, action: "rollback" });
		},
		get(object) {
			const item = mirror.items.get(toKey(object));
			return item === undefined ? undefined : parseObject(item, log);
		},
		list: read,
		async read() {
			const { items, revision } = await store.range({ prefix });
			return { revision, objects: items.flatMap((item) => parseObject(item, log) ?? []) };
		},
		watchFrom: (revision, listener) =>
			store.watch(
				{ prefix },
				{
					onBatch: (batch) =>
						listener.onChanges(
							batch.events.flatMap((event) => toWatched(event, log) ?? []),
							batch.revision,
						),
					onError: (error) => listener.onError(error),
				},
				{ fromRevision: revision },
			),
		watch(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		close() {
			pruning?.cancel();
			mirror.close();
			listeners.clear();
		},
	};
}

function toWatched(event: WatchEvent, log: Log): WatchedChange | undefined {
	if (event.kind === "put") {
		const object = parseObject(event.item, log);
		return object && { kind: "put", object };
	}
	const [kind = "", namespace = "", name = ""] = event.key.slice(prefix.length).split("/");
	return { kind: "delete", object: { kind, namespace, name, revision: event.modRevision } };
}

/** etcd takes 1.5 MiB a transaction, unless it was told otherwise; a record holds what was and what is. */
const maxLength = 400_000;
/** From a change to the look at the length of the history, which is read for it. */
const pruneDelayMs = 5_000;
const maxTries = 5;

/** What an entry of the history says besides the changes. */
type Deed = Pick<HistoryEntry, "author" | "action" | "note">;

/** What an object shall be; without `after` it shall not be. */
type Target = Omit<ConfigChange, "before">;

function divide(targets: readonly Target[]): Target[][] {
	const portions: Target[][] = [];
	let length = maxLength;
	for (const target of targets) {
		const size = JSON.stringify(target).length;
		length += size;
		if (length > maxLength || portions.at(-1)!.length === maxOperations) {
			portions.push([]);
			length = size;
		}
		portions.at(-1)!.push(target);
	}
	return portions;
}

/** What a target changes; undefined when it is already so. */
function toChange(target: Target, item: KeyValue | undefined, log: Log): ConfigChange | undefined {
	if (item === undefined) return target.after === undefined ? undefined : target;
	const before = parseObject(item, log)?.document;
	const { kind, namespace, name, after } = target;
	if (before === undefined) return target;
	return JSON.stringify(before) === JSON.stringify(after)
		? undefined
		: { kind, namespace, name, before, ...(after === undefined ? {} : { after }) };
}

function toOperation(target: Target, item: KeyValue | undefined, at: number, log: Log): Operation | undefined {
	if (toChange(target, item, log) === undefined) return undefined;
	const key = toKey(target);
	if (target.after === undefined) return { kind: "delete", key };
	const createdAt = item === undefined ? at : (parseObject(item, log)?.createdAt ?? at);
	return { kind: "put", key, value: JSON.stringify({ createdAt, document: target.after }) };
}

// Names of objects have no '/', so a key is never ambiguous.
function toKey({ kind, namespace, name }: StoredObjectName): string {
	return `${prefix}${kind}/${namespace}/${name}`;
}

function parseObject(item: KeyValue, log: Log): StoredObject | undefined {
	const [kind = "", namespace = "", name = ""] = item.key.slice(prefix.length).split("/");
	try {
		const value: unknown = JSON.parse(item.value);
		if (value !== null && typeof value === "object" && "createdAt" in value && "document" in value) {
			const { document, createdAt } = value;
			return { kind, namespace, name, document, createdAt: Number(createdAt), revision: item.modRevision };
		}
	} catch (error) {
		if (!(error instanceof SyntaxError)) throw error;
	}
	log.error("stored object cannot be read and is left out", { kind, namespace, name });
	return undefined;
}
