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
