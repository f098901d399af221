import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { makeTemporaryFolder } from "../../test/support/temporary-folder.ts";
import { createConfigStore } from "./config-store.ts";
import { openSqliteStore } from "./stores/sqlite/sqlite-store.ts";

const route = (name: string, document: unknown = { spec: {} }) => ({
	kind: "HTTPRoute",
	namespace: "shop",
	name,
	document,
});

test("applied objects are kept with the time they were made, in order, across a restart", async (t) => {
	const clock = createFakeClock({ wall: 1000 });
	const file = join(makeTemporaryFolder(t), "store.db");
	const store = openSqliteStore(file, { clock });
	const config = await createConfigStore(store, { clock });
	await config.put([route("b"), route("a")]);
	assert.deepEqual(
		config.list().map((object) => [object.name, object.createdAt]),
		[
			["a", 1000],
			["b", 1000],
		],
	);
	clock.advance(500);
	await config.put([route("a", { spec: { changed: true } }), route("c")]);
	assert.deepEqual(config.get(route("a"))?.document, { spec: { changed: true } });
	assert.equal(config.get(route("a"))?.createdAt, 1000);
	assert.equal(config.get(route("c"))?.createdAt, 1500);
	config.close();
	await store.close();

	const again = openSqliteStore(file, { clock });
	const reopened = await createConfigStore(again, { clock });
	t.after(async () => {
		reopened.close();
		await again.close();
	});
	assert.deepEqual(
		reopened.list().map((object) => object.name),
		["a", "b", "c"],
	);
});

test("a deleted object is gone, listeners hear of it, and deleting it again says so", async (t) => {
	const clock = createFakeClock();
	const store = openSqliteStore(join(makeTemporaryFolder(t), "store.db"), { clock });
	const config = await createConfigStore(store, { clock });
	t.after(async () => {
		config.close();
		await store.close();
	});
	const heard: number[] = [];
	config.watch((objects) => heard.push(objects.length));
	await config.put([route("a"), route("b")]);
	assert.equal(await config.delete(route("a")), true);
	assert.equal(await config.delete(route("a")), false);
	assert.deepEqual(heard, [2, 1]);
	assert.equal(config.get(route("a")), undefined);
});

test("every change is in the history, and everything can be made as it was", async (t) => {
	const clock = createFakeClock({ wall: 1000 });
	const store = openSqliteStore(join(makeTemporaryFolder(t), "store.db"), { clock });
	const config = await createConfigStore(store, { clock });
	t.after(async () => {
		config.close();
		await store.close();
	});
	await config.put([route("a", { v: 1 }), route("b", { v: 1 })], "ann");
	clock.advance(10);
	await config.put([route("a", { v: 2 }), route("c", { v: 1 })], "bob");
	await config.delete(route("b"), "cid");
	await config.put([route("a", { v: 2 })], "nothing changes");
	const history = await config.history();
	assert.deepEqual(
		history.map(({ at, author, action, changes }) => [
			at,
			author,
			action,
			changes.map(({ name, before, after }) => `${name} ${JSON.stringify(before)} ${JSON.stringify(after)}`),
		]),
		[
			[1010, "cid", "delete", ['b {"v":1} undefined']],
			[1010, "bob", "apply", ['a {"v":1} {"v":2}', 'c undefined {"v":1}']],
			[1000, "ann", "apply", ['a undefined {"v":1}', 'b undefined {"v":1}']],
		],
	);
	const shown = (): unknown[] => config.list().map(({ name, document }) => [name, document]);
	const atEnd = shown();
	await config.rollback(history[2]!.revision, "dot");
	assert.deepEqual(shown(), [
		["a", { v: 1 }],
		["b", { v: 1 }],
	]);
	await config.rollback(history[0]!.revision, "dot");
	assert.deepEqual(shown(), atEnd);
	const oldest = history.at(-1)!.revision;
	const newest = (await config.history())[0]!.revision;
	const refused = (revision: number, words: string) =>
		assert.rejects(config.rollback(revision), { message: `revision ${revision} is not in the history: ${words}` });
	await refused(4711, `the newest is ${newest}`);
	await refused(
		oldest - 1,
		`it begins with ${oldest}; what was before that entry, 'amime rollback ${oldest} --before' brings back`,
	);
	await config.rollback(history[1]!.revision, "dot", true);
	assert.deepEqual(shown().map(String), ["a,[object Object]", "b,[object Object]"], "what bob changed is back");
	await config.rollback(oldest, "dot", true);
	assert.deepEqual(shown(), [], "before the first entry nothing was applied");
});

test("the history is bounded, and the newest entry is always kept", async (t) => {
	const store = openSqliteStore(join(makeTemporaryFolder(t), "store.db"), { clock: createFakeClock() });
	const clock = createFakeClock();
	const config = await createConfigStore(store, { clock });
	t.after(async () => {
		config.close();
		await store.close();
	});
	for (let version = 0; version < 331; version++) await config.put([route("a", { version })]);
	await clock.advanceAsync(5_000);
	const history = await config.history();
	assert.equal(history.length, 200);
	assert.deepEqual(history[0]?.changes[0]?.after, { version: 330 });
});

test("of two control planes that change one object at once both are in the history, one after the other", async (t) => {
	const file = join(makeTemporaryFolder(t), "store.db");
	const open = async () => {
		const store = openSqliteStore(file);
		const config = await createConfigStore(store);
		t.after(async () => {
			config.close();
			await store.close();
		});
		return config;
	};
	const [one, two] = [await open(), await open()];
	await Promise.all([one.put([route("a", { by: "one" })]), two.put([route("a", { by: "two" })])]);
	const [second, first] = await one.history();
	assert.deepEqual(second?.changes[0]?.before, first?.changes[0]?.after);
});
