import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { createFakeClock } from "../../../../test/support/fake-clock.ts";
import { runStoreContract } from "../../../../test/support/registry-store.contract.ts";
import { makeTemporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { MeshError } from "../../../core/index.ts";
import { openSqliteStore, type SqliteStoreOptions } from "./sqlite-store.ts";

runStoreContract("sqlite", (t) => {
	const file = join(makeTemporaryFolder(t), "store.db");
	const clock = createFakeClock();
	return {
		open: () => openSqliteStore(file, { clock }),
		leaseMs: 1000,
		pass: (ms) => clock.advanceAsync(ms),
		setWall: (epochMs) => clock.setWall(epochMs),
		restart: async () => clock.advance(3_600_000),
	};
});

const makeFile = (t: TestContext): string => join(makeTemporaryFolder(t), "store.db");

function open(t: TestContext, file: string, options: SqliteStoreOptions = {}) {
	const store = openSqliteStore(file, { clock: createFakeClock(), ...options });
	t.after(() => store.close());
	return store;
}

const fails = (act: () => unknown, code: string, message: RegExp): void => {
	assert.throws(act, (error) => {
		assert.ok(error instanceof MeshError, String(error));
		assert.equal(error.code, code);
		assert.match(error.message, message);
		return true;
	});
};

test("every file of a store is readable by its owner only", async (t) => {
	const file = makeFile(t);
	writeFileSync(file, "", { mode: 0o644 });
	const store = open(t, file);
	await store.txn({ success: [{ kind: "put", key: "a", value: "1" }] });
	const folder = join(file, "..");
	const modes = readdirSync(folder).map((name) => [name, statSync(join(folder, name)).mode & 0o777]);
	assert.deepEqual(modes, [
		["store.db", 0o600],
		["store.db-shm", 0o600],
		["store.db-wal", 0o600],
	]);
});

test("a store of another version, a database of another program and a file that is none are refused clearly", async (t) => {
	const file = makeFile(t);
	await openSqliteStore(file).close();
	const database = new DatabaseSync(file);
	database.exec("PRAGMA user_version = 7");
	database.close();
	fails(() => open(t, file), "STORE_VERSION", /has version 7, this amime reads version 1/);

	const foreign = makeFile(t);
	const other = new DatabaseSync(foreign);
	other.exec("CREATE TABLE x (y)");
	other.close();
	fails(() => open(t, foreign), "STORE_VERSION", /another program/);

	const text = makeFile(t);
	writeFileSync(text, "hello ".repeat(1000));
	fails(() => open(t, text), "STORE_UNREADABLE", /not a database; move the file away/);
	fails(() => open(t, join(text, "x", "y.db")), "STORE_UNREADABLE", /cannot be opened/);
});

test("a file whose pages are damaged is refused clearly", async (t) => {
	const file = makeFile(t);
	await openSqliteStore(file).close();
	const bytes = readFileSync(file);
	writeFileSync(file, bytes.fill(0x5a, 4096));
	fails(() => open(t, file), "STORE_UNREADABLE", /malformed; move the file away/);
});

test("a store that is damaged while it is open fails calls, not its process", async (t) => {
	const file = makeFile(t);
	const clock = createFakeClock();
	const store = open(t, file, { clock });
	const other = new DatabaseSync(file);
	other.exec("DROP TABLE lease");
	clock.advance(1000);
	await assert.rejects(
		store.grantLease(1000),
		(error) => error instanceof MeshError && error.code === "STORE_UNAVAILABLE",
	);
	other.exec(
		"CREATE TABLE lease (id INTEGER PRIMARY KEY AUTOINCREMENT, ttl_ms INTEGER NOT NULL, renewals INTEGER NOT NULL)",
	);
	other.close();
	clock.advance(1000);
	assert.equal((await store.grantLease(1000)).ttlMs, 1000);
});

test("history is bounded: the newest revisions are kept", async (t) => {
	const store = open(t, makeFile(t), { keptRevisions: 20 });
	for (let index = 0; index < 100; index++)
		await store.txn({ success: [{ kind: "put", key: "a", value: String(index) }] });
	const { revision } = await store.range({ prefix: "" });
	assert.equal((await store.range({ key: "a" }, { revision: revision - 20 })).items[0]?.value, "79");
	await assert.rejects(store.range({ key: "a" }, { revision: 2 }), /no longer kept/);
});

test("a call that waits too long for another process says so and can be tried again", async (t) => {
	const file = makeFile(t);
	const store = open(t, file, { busyTimeoutMs: 1 });
	const other = new DatabaseSync(file);
	other.exec("BEGIN IMMEDIATE");
	const write = () => store.txn({ success: [{ kind: "put", key: "a", value: "1" }] });
	await assert.rejects(write(), (error) => error instanceof MeshError && error.code === "STORE_BUSY");
	assert.equal((await store.range({ prefix: "" })).items.length, 0);
	other.exec("COMMIT");
	other.close();
	assert.equal((await write()).succeeded, true);
});

test("a process killed while it writes leaves whole transactions behind", async (t) => {
	const file = makeFile(t);
	const writer = `
		import { openSqliteStore } from ${JSON.stringify(new URL("./sqlite-store.ts", import.meta.url).href)};
		const store = openSqliteStore(${JSON.stringify(file)});
		for (let index = 1; ; index++) {
			await store.txn({ success: ["a", "b"].map((key) => ({ kind: "put", key, value: String(index) })) });
			if (index === 50) process.stdout.write("started");
			if (index % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
		}`;
	const child = spawn(process.execPath, ["--input-type=module", "-e", writer], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	await once(child.stdout, "data");
	child.kill("SIGKILL");
	await once(child, "exit");
	const { items, revision } = await open(t, file).range({ prefix: "" });
	assert.equal(items.length, 2);
	assert.equal(items[0]?.value, items[1]?.value);
	assert.equal(items[0]?.modRevision, revision);
	assert.ok(Number(items[0]?.value) >= 50);
});
