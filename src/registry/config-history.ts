import { type Log, MeshError } from "../core/index.ts";
import type { StoredObjectName } from "./config-store.ts";
import type { KeyValue, Operation, Store } from "./store.ts";

/** One change of one object; without `before` it was made, without `after` deleted. */
export interface ConfigChange extends StoredObjectName {
	readonly before?: unknown;
	readonly after?: unknown;
}

/** Objects that changed together. */
export interface HistoryEntry {
	/** The store's revision that the change made; what `rollback` takes. */
	readonly revision: number;
	/** Milliseconds since the epoch. */
	readonly at: number;
	/** Who asked for it. */
	readonly author: string;
	readonly action: HistoryAction;
	/** Empty for what was taken back before all had it. */
	readonly changes: readonly ConfigChange[];
	/** More about it, for a person. */
	readonly note?: string;
}

/** What was done; `canary` is an apply that some proxies were given before the others, `canary-taken-back` one that was not completed. */
export type HistoryAction = "apply" | "delete" | "rollback" | "canary" | "canary-taken-back";

/** What is known of a change before it has a revision. */
export type HistoryRecord = Omit<HistoryEntry, "revision">;

const prefix = "/amime/history/";

/** How many entries are kept, and how much text they are; the newest one always is. */
const maxEntries = 200;
const maxLength = 16 * 1024 * 1024;
/** Operations of one transaction: etcd takes 128, unless it was told otherwise. */
export const maxOperations = 100;

/** The operation that writes a record, in the transaction of the change itself. */
export function recordOperation(record: HistoryRecord, id: string): Operation {
	return { kind: "put", key: prefix + id, value: JSON.stringify(record) };
}

/** The entries that are kept, newest first. */
export async function readHistory(store: Store, log: Log): Promise<HistoryEntry[]> {
	const { items } = await store.range({ prefix });
	return items.flatMap((item) => parseEntry(item, log) ?? []).sort((left, right) => right.revision - left.revision);
}

/** Deletes what is beyond the bounds, oldest first. */
export async function pruneHistory(store: Store): Promise<void> {
	const { items } = await store.range({ prefix });
	let length = 0;
	const beyond = [...items]
		.sort((left, right) => right.modRevision - left.modRevision)
		.filter(({ value }, position) => {
			length += value.length;
			return position > 0 && (position >= maxEntries || length > maxLength);
		});
	for (let from = 0; from < beyond.length; from += maxOperations)
		await store.txn({
			success: beyond.slice(from, from + maxOperations).map(({ key }): Operation => ({ kind: "delete", key })),
		});
}

/** The changes that make everything as it was behind `revision`: what was changed since, back again.
 *  @param isBefore takes back what that entry changed, too: there is nothing else in front of the first one
 *  @throws MeshError `REVISION_UNKNOWN` when no entry of the history is that revision's */
export function planRollback(entries: readonly HistoryEntry[], revision: number, isBefore = false): ConfigChange[] {
	if (!entries.some((entry) => entry.revision === revision))
		throw new MeshError("REVISION_UNKNOWN", describeUnknownRevision(entries, revision));
	const changes = new Map<string, ConfigChange>();
	for (const entry of entries) {
		if (entry.revision < revision || (!isBefore && entry.revision === revision)) continue;
		for (const { kind, namespace, name, before, after } of entry.changes) {
			const key = `${kind}/${namespace}/${name}`;
			const known = changes.get(key);
			const newest = known === undefined ? after : known.before;
			changes.set(key, {
				...{ kind, namespace, name },
				...(newest === undefined ? {} : { before: newest }),
				...(before === undefined ? {} : { after: before }),
			});
		}
	}
	return [...changes.values()].filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after));
}

/** What to take instead of a revision that no entry of the history, newest first, has. */
export function describeUnknownRevision(entries: readonly Pick<HistoryEntry, "revision">[], revision: number): string {
	const unknown = `revision ${revision} is not in the history`;
	const known = entries.map((entry) => entry.revision);
	const [newest] = known;
	const oldest = known.at(-1);
	if (newest === undefined || oldest === undefined) return `${unknown}: nothing was applied yet`;
	if (revision < oldest)
		return `${unknown}: it begins with ${oldest}; what was before that entry, 'amime rollback ${oldest} --before' brings back`;
	if (revision > newest) return `${unknown}: the newest is ${newest}`;
	const before = known.find((one) => one < revision);
	return `${unknown}: its neighbours are ${before} and ${known.findLast((one) => one > revision)}`;
}

function parseEntry(item: KeyValue, log: Log): HistoryEntry | undefined {
	try {
		const record = JSON.parse(item.value) as HistoryRecord;
		if (Array.isArray(record.changes)) return { ...record, revision: item.modRevision };
	} catch (error) {
		if (!(error instanceof SyntaxError)) throw error;
	}
	log.error("entry of the history cannot be read and is left out", { key: item.key });
	return undefined;
}
