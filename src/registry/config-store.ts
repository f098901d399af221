import { type Clock, type Log, type Random, silentLog, systemClock, systemRandom } from "../core/index.ts";
import { openMirror } from "./mirror.ts";
import type { KeyValue, Operation, Store } from "./store.ts";

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
	put(objects: readonly (StoredObjectName & { readonly document: unknown })[]): Promise<void>;
	/** Deletes an object; returns whether there was one. */
	delete(object: StoredObjectName): Promise<boolean>;
	get(object: StoredObjectName): StoredObject | undefined;
	/** All objects in the order of kind, namespace and name, as last known. */
	list(): readonly StoredObject[];
	/** Calls back after every change; returns how to stop. */
	watch(listener: (objects: readonly StoredObject[]) => void): () => void;
	close(): void;
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
	const read = (): readonly StoredObject[] => {
		list ??= [...mirror.items.values()]
			.sort((left, right) => (left.key < right.key ? -1 : 1))
			.flatMap((item) => {
				if (!objects.has(item.key)) objects.set(item.key, parseObject(item, log));
				return objects.get(item.key) ?? [];
			});
		return list;
	};
	const onChange = (keys: readonly string[]): void => {
		list = undefined;
		for (const key of keys) objects.delete(key);
		for (const listener of listeners) listener(read());
	};
	const mirror = await openMirror({ store, prefix, clock, random, log, onChange });
	return {
		async put(objects) {
			if (objects.length === 0) return;
			const success = objects.map((object): Operation => {
				const key = toKey(object);
				const existing = mirror.items.get(key);
				const createdAt =
					existing === undefined ? clock.wall() : (parseObject(existing, log)?.createdAt ?? clock.wall());
				return { kind: "put", key, value: JSON.stringify({ createdAt, document: object.document }) };
			});
			for (const portion of divide(success)) {
				const { revision } = await store.txn({ success: portion });
				await mirror.waitFor(revision);
			}
		},
		async delete(object) {
			const { deleted, revision } = await store.txn({ success: [{ kind: "delete", key: toKey(object) }] });
			if (deleted > 0) await mirror.waitFor(revision);
			return deleted > 0;
		},
		get(object) {
			const item = mirror.items.get(toKey(object));
			return item === undefined ? undefined : parseObject(item, log);
		},
		list: read,
		watch(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		close() {
			mirror.close();
			listeners.clear();
		},
	};
}

/** etcd takes 128 operations and 1.5 MiB a transaction, unless it was told otherwise. */
const maxOperations = 100;
const maxLength = 1_000_000;

function divide<T extends { readonly kind: string }>(operations: readonly T[]): T[][] {
	const portions: T[][] = [];
	let length = maxLength;
	for (const operation of operations) {
		const size = JSON.stringify(operation).length;
		length += size;
		if (length > maxLength || portions.at(-1)!.length === maxOperations) {
			portions.push([]);
			length = size;
		}
		portions.at(-1)!.push(operation);
	}
	return portions;
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
