import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import { toInterval } from "../../keys.ts";
import type { KeyValue, LeaseId, RangeSelector, WatchBatch, WatchEvent } from "../../store.ts";

type Row = Record<string, SQLOutputValue>;

/** Statements over the tables of a store. Writers run inside a transaction of the caller. */
export interface Tables {
	readState(): { readonly revision: number; readonly compacted: number };
	writeRevision(revision: number): void;
	get(key: string): KeyValue | undefined;
	list(selector: RangeSelector): KeyValue[];
	/** Keys as they were at a revision. */
	listAt(selector: RangeSelector, revision: number): KeyValue[];
	/** Writes a key's newest state, and its history. */
	put(item: KeyValue, ordinal: number): void;
	/** Deletes a key, and writes that to its history. */
	remove(key: string, revision: number, ordinal: number): void;
	listByLease(lease: LeaseId): KeyValue[];
	/** Changes from a revision on, of at most `limit` keys and then the rest of the last revision. */
	listChanges(selector: RangeSelector, fromRevision: number, limit: number): WatchBatch[];
	compact(revision: number): void;
	addLease(ttlMs: number): LeaseId;
	renewLease(lease: LeaseId): { readonly ttlMs: number } | undefined;
	removeLease(lease: LeaseId): void;
	listLeases(): LeaseRow[];
	getLease(lease: LeaseId): LeaseRow | undefined;
	/** Changes when another process has written. */
	readDataVersion(): number;
}

export interface LeaseRow {
	readonly id: LeaseId;
	readonly ttlMs: number;
	readonly renewals: number;
}

const currentColumns =
	'key, value, create_revision AS "createRevision", mod_revision AS "modRevision", version, lease FROM current';
const historyColumns =
	'key, value, create_revision AS "createRevision", revision AS "modRevision", version, lease FROM history';
const leaseColumns = 'id, ttl_ms AS "ttlMs", renewals FROM lease';
/** `key` in the interval of the two parameters; the second is null without an end. */
const inInterval = "key >= :start AND (:end IS NULL OR key < :end)";

/** Prepares the statements. */
export function createTables(database: DatabaseSync): Tables {
	const prepare = (sql: string) => database.prepare(sql);
	const statements = {
		state: prepare("SELECT revision, compacted FROM state"),
		setRevision: prepare("UPDATE state SET revision = :revision"),
		get: prepare(`SELECT ${currentColumns} WHERE key = :key`),
		list: prepare(`SELECT ${currentColumns} WHERE ${inInterval} ORDER BY key`),
		listAt: prepare(`SELECT ${historyColumns} AS latest WHERE ${inInterval} AND version > 0 AND revision =
			(SELECT max(revision) FROM history WHERE key = latest.key AND revision <= :revision) ORDER BY key`),
		put: prepare(
			`INSERT OR REPLACE INTO current VALUES (:key, :value, :createRevision, :modRevision, :version, :lease)`,
		),
		remove: prepare("DELETE FROM current WHERE key = :key"),
		record: prepare(
			`INSERT INTO history VALUES (:revision, :ordinal, :key, :value, :createRevision, :version, :lease)`,
		),
		byLease: prepare(`SELECT ${currentColumns} WHERE lease = :lease AND lease <> 0 ORDER BY key`),
		changes: prepare(
			`SELECT ${historyColumns} WHERE revision >= :from AND ${inInterval} ORDER BY revision, ordinal LIMIT :limit`,
		),
		changesOf: prepare(`SELECT ${historyColumns} WHERE revision = :revision AND ${inInterval} ORDER BY ordinal`),
		forget: prepare(`DELETE FROM history AS old WHERE revision < :revision AND (version = 0 OR EXISTS
			(SELECT 1 FROM history WHERE key = old.key AND revision > old.revision AND revision <= :revision))`),
		setCompacted: prepare("UPDATE state SET compacted = :revision"),
		addLease: prepare("INSERT INTO lease (ttl_ms, renewals) VALUES (:ttlMs, 0)"),
		renewLease: prepare('UPDATE lease SET renewals = renewals + 1 WHERE id = :lease RETURNING ttl_ms AS "ttlMs"'),
		removeLease: prepare("DELETE FROM lease WHERE id = :lease"),
		leases: prepare(`SELECT ${leaseColumns} ORDER BY id`),
		lease: prepare(`SELECT ${leaseColumns} WHERE id = :lease`),
		dataVersion: prepare("PRAGMA data_version"),
	};
	const bounds = (selector: RangeSelector) => {
		const { start, end } = toInterval(selector);
		return { start, end: end ?? null };
	};
	return {
		readState() {
			const row = statements.state.get()!;
			return { revision: Number(row.revision), compacted: Number(row.compacted) };
		},
		writeRevision: (revision) => void statements.setRevision.run({ revision }),
		get(key) {
			const row = statements.get.get({ key });
			return row === undefined ? undefined : toKeyValue(row);
		},
		list: (selector) => statements.list.all(bounds(selector)).map(toKeyValue),
		listAt: (selector, revision) => statements.listAt.all({ ...bounds(selector), revision }).map(toKeyValue),
		put(item, ordinal) {
			const { key, value, createRevision, modRevision, version, lease } = item;
			statements.put.run({ key, value, createRevision, modRevision, version, lease });
			statements.record.run({ revision: modRevision, ordinal, key, value, createRevision, version, lease });
		},
		remove(key, revision, ordinal) {
			statements.remove.run({ key });
			statements.record.run({ revision, ordinal, key, value: "", createRevision: 0, version: 0, lease: 0 });
		},
		listByLease: (lease) => statements.byLease.all({ lease }).map(toKeyValue),
		listChanges(selector, from, limit) {
			const rows = statements.changes.all({ ...bounds(selector), from, limit }).map(toKeyValue);
			const last = rows.at(-1)?.modRevision;
			if (last === undefined || rows.length < limit) return toBatches(rows);
			// The last revision may be cut: read it whole.
			const whole = statements.changesOf.all({ ...bounds(selector), revision: last }).map(toKeyValue);
			return toBatches([...rows.filter((row) => row.modRevision !== last), ...whole]);
		},
		compact(revision) {
			statements.forget.run({ revision });
			statements.setCompacted.run({ revision });
		},
		addLease: (ttlMs) => Number(statements.addLease.run({ ttlMs }).lastInsertRowid),
		renewLease(lease) {
			const row = statements.renewLease.get({ lease });
			return row === undefined ? undefined : { ttlMs: Number(row.ttlMs) };
		},
		removeLease: (lease) => void statements.removeLease.run({ lease }),
		listLeases: () => statements.leases.all().map(toLeaseRow),
		getLease(lease) {
			const row = statements.lease.get({ lease });
			return row === undefined ? undefined : toLeaseRow(row);
		},
		readDataVersion: () => Number(statements.dataVersion.get()!.data_version),
	};
}

function toKeyValue(row: Row): KeyValue {
	return {
		key: String(row.key),
		value: String(row.value),
		createRevision: Number(row.createRevision),
		modRevision: Number(row.modRevision),
		version: Number(row.version),
		lease: Number(row.lease),
	};
}

function toLeaseRow(row: Row): LeaseRow {
	return { id: Number(row.id), ttlMs: Number(row.ttlMs), renewals: Number(row.renewals) };
}

/** Rows in the order of revisions, grouped by revision. A row with version 0 is a deletion. */
function toBatches(rows: readonly KeyValue[]): WatchBatch[] {
	const batches: { revision: number; events: WatchEvent[] }[] = [];
	for (const item of rows) {
		let batch = batches.at(-1);
		if (batch?.revision !== item.modRevision) {
			batch = { revision: item.modRevision, events: [] };
			batches.push(batch);
		}
		const { key, modRevision } = item;
		batch.events.push(item.version === 0 ? { kind: "delete", key, modRevision } : { kind: "put", item });
	}
	return batches;
}
