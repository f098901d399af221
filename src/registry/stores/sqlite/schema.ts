import { chmodSync, closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { describeError, MeshError } from "../../../core/index.ts";
import { mostLogPages } from "./checkpoints.ts";

/** Version of the tables below; another one in a file is refused. */
const schemaVersion = 1;

/** `amim` in ASCII: marks the file as ours. */
const applicationId = 0x616d696d;

const tables = `
	-- One row: the newest revision, and the newest one that was compacted.
	CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL, compacted INTEGER NOT NULL) STRICT;
	INSERT INTO state VALUES (1, 1, 0);
	-- Keys as they are.
	CREATE TABLE current (
		key TEXT PRIMARY KEY, value TEXT NOT NULL, create_revision INTEGER NOT NULL, mod_revision INTEGER NOT NULL,
		version INTEGER NOT NULL, lease INTEGER NOT NULL
	) STRICT, WITHOUT ROWID;
	CREATE INDEX current_lease ON current (lease) WHERE lease <> 0;
	-- Every change since the compacted revision, and for each key its last one before. A deletion has version 0.
	CREATE TABLE history (
		revision INTEGER NOT NULL, ordinal INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
		create_revision INTEGER NOT NULL, version INTEGER NOT NULL, lease INTEGER NOT NULL, PRIMARY KEY (revision, ordinal)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX history_key ON history (key, revision);
	-- renewals counts keep-alives, so that any process can see that a lease lives.
	CREATE TABLE lease (id INTEGER PRIMARY KEY AUTOINCREMENT, ttl_ms INTEGER NOT NULL, renewals INTEGER NOT NULL) STRICT;
	PRAGMA application_id = ${applicationId};
	PRAGMA user_version = ${schemaVersion};
`;

/** Opens or makes the database of a store, readable by its owner only.
 *  @throws MeshError `STORE_UNREADABLE` or `STORE_VERSION` */
export function openDatabase(file: string, busyTimeoutMs: number): DatabaseSync {
	let database: DatabaseSync | undefined;
	try {
		// SQLite gives its -wal and -shm files the mode of the database.
		closeSync(openSync(file, "a", 0o600));
		chmodSync(file, 0o600);
		database = new DatabaseSync(file, { timeout: busyTimeoutMs });
		database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;");
		database.exec(`PRAGMA wal_autocheckpoint = ${mostLogPages}`);
		prepareTables(database, file);
		// A damaged page is told here rather than by the first call that meets it.
		for (const table of ["state", "current", "history", "lease"])
			database.prepare(`SELECT * FROM ${table} LIMIT 1`).get();
		return database;
	} catch (error) {
		database?.close();
		if (error instanceof MeshError) throw error;
		throw new MeshError(
			"STORE_UNREADABLE",
			`store ${file} cannot be opened: ${describeError(error)}${describeFix(error)}`,
			{
				cause: error,
			},
		);
	}
}

function prepareTables(database: DatabaseSync, file: string): void {
	// Several processes may start on one new file: the first one in makes the tables.
	database.exec("BEGIN IMMEDIATE");
	try {
		const version = readPragma(database, "user_version");
		const application = readPragma(database, "application_id");
		const isNew =
			version === 0 && application === 0 && database.prepare("SELECT 1 FROM sqlite_schema").get() === undefined;
		if (isNew) database.exec(tables);
		else if (application !== applicationId)
			throw new MeshError("STORE_VERSION", `${file} is a database of another program: name another store`);
		else if (version !== schemaVersion)
			throw new MeshError(
				"STORE_VERSION",
				`store ${file} has version ${version}, this amime reads version ${schemaVersion}: use the amime that wrote it, or move the file away to start anew`,
			);
		database.exec("COMMIT");
	} catch (error) {
		database.exec("ROLLBACK");
		throw error;
	}
}

function readPragma(database: DatabaseSync, name: "user_version" | "application_id"): number {
	return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}

function describeFix(error: unknown): string {
	const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0;
	if (code === notADatabase || code === corrupt) return "; move the file away to start anew";
	return code === busy || code === locked ? "; another process holds it" : "";
}

// Result codes of SQLite (sqlite.org/rescode.html).
const busy = 5;
const locked = 6;
const corrupt = 11;
const notADatabase = 26;

/** Whether an error is the database's and not one of this program. */
export function isDatabaseError(error: unknown): boolean {
	return error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR";
}

/** Whether an error is SQLite's "another process is writing". */
export function isBusy(error: unknown): boolean {
	const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0;
	return code === busy || code === locked;
}
