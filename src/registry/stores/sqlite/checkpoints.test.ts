import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { eventually } from "../../../../test/support/eventually.ts";
import { createFakeClock } from "../../../../test/support/fake-clock.ts";
import { makeTemporaryFolder } from "../../../../test/support/temporary-folder.ts";
import { createCheckpoints } from "./checkpoints.ts";
import { openSqliteStore } from "./sqlite-store.ts";

test("one checkpoint at a time begins when enough was written, and closing waits for it", async () => {
	const begun: string[] = [];
	let end = (): void => undefined;
	const checkpoints = createCheckpoints("a.db", (file) => {
		begun.push(file);
		return new Promise((resolve) => {
			end = resolve;
		});
	});
	for (let count = 0; count < 200; count++) checkpoints.onWritten(10);
	assert.deepEqual(begun, []);
	checkpoints.onWritten(4 * 1024 * 1024);
	checkpoints.onWritten(40 * 1024 * 1024);
	assert.deepEqual(begun, ["a.db"]);
	end();
	await new Promise(setImmediate);
	checkpoints.onWritten(0);
	assert.deepEqual(begun, ["a.db", "a.db"], "what was written meanwhile counts");
	let isClosed = false;
	const closed = checkpoints.close().then(() => {
		isClosed = true;
	});
	await new Promise(setImmediate);
	assert.equal(isClosed, false);
	end();
	await closed;
	checkpoints.onWritten(40 * 1024 * 1024);
	assert.equal(begun.length, 2);
});

test("what a store has written comes into the database without a write that waits for it", async (t) => {
	const file = join(makeTemporaryFolder(t), "store.db");
	const store = openSqliteStore(file, { clock: createFakeClock() });
	t.after(() => store.close());
	const value = "x".repeat(100_000);
	for (let key = 0; key < 45; key++) await store.txn({ success: [{ kind: "put", key: `k${key}`, value }] });
	await eventually(() => assert.ok(statSync(file).size > 4_000_000, `${statSync(file).size}`));
	const other = new DatabaseSync(file, { readOnly: true });
	t.after(() => other.close());
	assert.equal(other.prepare("SELECT count(*) AS count FROM current").get()?.["count"], 45);
});
