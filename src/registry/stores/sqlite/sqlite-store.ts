import { type Clock, MeshError, systemClock, type Timer } from "../../../core/index.ts";
import type { Lease, LeaseId, Operation, Store, TxnResult } from "../../store.ts";
import { createCheckpoints } from "./checkpoints.ts";
import { createLeaseDeadlines } from "./lease-deadlines.ts";
import { isBusy, isDatabaseError, openDatabase } from "./schema.ts";
import { createTables, type Tables } from "./tables.ts";
import { deleteKeys, runTransaction } from "./transaction.ts";
import { createWatchers } from "./watchers.ts";

/** Options of `openSqliteStore`. */
export interface SqliteStoreOptions {
	/** The system's clock by default. */
	readonly clock?: Clock;
	/** How often changes and leases of other processes are looked for; 100 by default. */
	readonly pollMs?: number;
	/** How long a call waits for another process that writes; 2000 by default. It blocks the event loop meanwhile. */
	readonly busyTimeoutMs?: number;
	/** Revisions kept for watches and reads of the past, at least; 10000 by default. */
	readonly keptRevisions?: number;
}

/** Opens a store in a file, made with mode 0600 when absent. Several processes may have it open.
 *  @throws MeshError `STORE_UNREADABLE` when the file cannot be opened or is no database, `STORE_VERSION` when its tables are of
 *  another version */
export function openSqliteStore(file: string, options: SqliteStoreOptions = {}): Store {
	const clock = options.clock ?? systemClock;
	const pollMs = options.pollMs ?? 100;
	const keptRevisions = options.keptRevisions ?? 10_000;
	const database = openDatabase(file, options.busyTimeoutMs ?? 2000);
	const tables = createTables(database);
	const watchers = createWatchers(tables);
	const checkpoints = createCheckpoints(file);
	const deadlines = createLeaseDeadlines(Math.max(1000, 4 * pollMs));
	let isOpen = true;
	let timer: Timer | undefined;
	let dataVersion = tables.readDataVersion();

	/** Runs `write` in a transaction that no other process interleaves, then tells the watchers.
	 *  @param bytes what it puts, about */
	const change = <T>(write: (tables: Tables) => T, bytes = 0): T => {
		const result = attempt(file, isOpen, () => {
			database.exec("BEGIN IMMEDIATE");
			try {
				const value = write(tables);
				compactOld(tables, keptRevisions);
				database.exec("COMMIT");
				return value;
			} catch (error) {
				if (database.isTransaction) database.exec("ROLLBACK");
				throw error;
			}
		});
		watchers.wake();
		checkpoints.onWritten(bytes);
		return result;
	};

	const endLeases = (): void => {
		const ended = deadlines.observe(tables.listLeases(), clock.now());
		for (const lease of ended) {
			change(() => {
				// Another process may have renewed or ended it meanwhile.
				if (tables.getLease(lease.id)?.renewals === lease.renewals) revokeLease(tables, lease.id);
			});
		}
	};

	const poll = (): void => {
		timer = clock.setTimer(pollMs, poll, { unref: true });
		try {
			const version = tables.readDataVersion();
			if (version !== dataVersion) watchers.wake();
			dataVersion = version;
			endLeases();
		} catch (error) {
			// The next poll tries again: a lease that lives longer does no harm, and whoever calls is told of a store that is damaged.
			if (!(error instanceof MeshError) && !isDatabaseError(error)) throw error;
		}
	};
	poll();

	return {
		async range(selector, { revision } = {}) {
			return attempt(file, isOpen, () => {
				const state = tables.readState();
				if (revision === undefined) return { items: tables.list(selector), revision: state.revision };
				checkRevision(revision, state);
				return { items: tables.listAt(selector, revision), revision: state.revision };
			});
		},
		async txn({ compare = [], success, failure = [] }): Promise<TxnResult> {
			return change(() => runTransaction(tables, compare, success, failure), sizeOf(success));
		},
		watch(selector, listener, { fromRevision } = {}) {
			return attempt(file, isOpen, () => watchers.add(selector, listener, fromRevision));
		},
		async grantLease(ttlMs): Promise<Lease> {
			return change(() => ({ id: tables.addLease(Math.ceil(ttlMs)), ttlMs: Math.ceil(ttlMs) }));
		},
		async keepAlive(id): Promise<Lease> {
			const renewed = change(() => tables.renewLease(id));
			if (renewed === undefined)
				throw new MeshError("STORE_LEASE_NOT_FOUND", `lease ${id} is not there: it expired or was revoked`);
			return { id, ttlMs: renewed.ttlMs };
		},
		async revoke(id) {
			change(() => revokeLease(tables, id));
		},
		async compact(revision) {
			change(() => {
				const state = tables.readState();
				checkRevision(revision, state);
				tables.compact(revision);
			});
		},
		async close() {
			if (!isOpen) return;
			isOpen = false;
			timer?.cancel();
			watchers.close();
			await checkpoints.close();
			database.close();
		},
	};
}

/** Characters of what is put. */
function sizeOf(operations: readonly Operation[]): number {
	let size = 0;
	for (const operation of operations)
		if (operation.kind === "put") size += operation.key.length + operation.value.length;
	return size;
}

function revokeLease(tables: Tables, lease: LeaseId): void {
	const keys = tables.listByLease(lease).map((item) => item.key);
	deleteKeys(tables, keys);
	tables.removeLease(lease);
}

/** Compacts in steps of a tenth of what is kept, so that the cost is rare. */
function compactOld(tables: Tables, keptRevisions: number): void {
	const { revision, compacted } = tables.readState();
	if (revision - compacted > keptRevisions * 1.1) tables.compact(revision - keptRevisions);
}

function checkRevision(revision: number, state: { readonly revision: number; readonly compacted: number }): void {
	if (revision < state.compacted)
		throw new MeshError("STORE_COMPACTED", `revision ${revision} is no longer kept, the oldest is ${state.compacted}`);
	if (revision > state.revision)
		throw new MeshError(
			"STORE_FUTURE_REVISION",
			`revision ${revision} is not there yet, the newest is ${state.revision}`,
		);
}

/** Gives the database's errors a code and the file's name. */
function attempt<T>(file: string, isOpen: boolean, act: () => T): T {
	if (!isOpen) throw new MeshError("STORE_CLOSED", `store ${file} is closed`);
	try {
		return act();
	} catch (error) {
		if (error instanceof MeshError) throw error;
		if (isBusy(error))
			throw new MeshError("STORE_BUSY", `store ${file} is held by another process: try again`, { cause: error });
		throw new MeshError("STORE_UNAVAILABLE", `store ${file} cannot be used`, { cause: error });
	}
}
