import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeClock } from "../../test/support/fake-clock.ts";
import { entryOf as plainEntry } from "../../test/support/registration-entries.ts";
import { silentLog } from "../core/index.ts";
import { parseSpiffeId, type RegistrationEntry } from "../model/index.ts";
import { createEntryRegistry } from "./entry-registry.ts";
import type { RecordSet } from "./record-set.ts";

/** Records that count how often all of them are looked at. */
function createRecords() {
	const values = new Map<string, RegistrationEntry>();
	const listeners = new Set<(names: readonly string[]) => void>();
	let looks = 0;
	const set = (id: string, entry: RegistrationEntry | undefined): boolean => {
		const wasThere = values.delete(id);
		if (entry !== undefined) values.set(id, entry);
		for (const listener of listeners) listener([id]);
		return wasThere;
	};
	const records: RecordSet<RegistrationEntry> = {
		list() {
			looks++;
			return [...values.values()];
		},
		get: (id) => values.get(id),
		async create(id, entry) {
			if (values.has(id)) return false;
			set(id, entry);
			return true;
		},
		put: async (id, entry) => void set(id, entry),
		update: async () => undefined,
		remove: async (id) => set(id, undefined),
		watch(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		revision: 0,
		close: () => undefined,
	};
	return { records, looks: () => looks };
}

function setUp() {
	const { records, looks } = createRecords();
	const clock = createFakeClock();
	const entries = createEntryRegistry(records, clock, silentLog);
	const told: string[] = [];
	entries.watch((ids) => told.push(...ids));
	return { entries, clock, looks, told, start: clock.wall() };
}

const entryOf = (id: string, change: Partial<RegistrationEntry> = {}): RegistrationEntry =>
	plainEntry({ id, spiffeId: parseSpiffeId(`spiffe://cluster.local/${id}`), ...change });

test("a change tells its id, and looks at no other entry", async () => {
	const { entries, looks, told } = setUp();
	const before = looks();
	for (let number = 0; number < 100; number++) await entries.create(entryOf(`e${number}`, { createdAt: -number }));
	await entries.put(entryOf("e7", { hint: "x" }));
	await entries.remove("e3");
	assert.equal(looks(), before);
	assert.equal(entries.size, 99);
	assert.deepEqual(told.slice(-3), ["e99", "e7", "e3"]);
	const listed = entries.list().map(({ id }) => id);
	assert.deepEqual([listed[0], listed.at(-2), listed.at(-1)], ["e99", "e0", "e7"]);
});

test("an entry that says the same is found as long as there is one", async () => {
	const { entries } = setUp();
	const spiffeId = parseSpiffeId("spiffe://cluster.local/same");
	await entries.create(entryOf("one", { spiffeId }));
	await entries.create(entryOf("two", { spiffeId }));
	assert.equal(entries.findSame(entryOf("new", { spiffeId }))?.id, "one");
	assert.equal(entries.findSame(entryOf("new", { spiffeId, selectors: ["unix:uid:2"] })), undefined);
	await entries.put(entryOf("one", { spiffeId, selectors: ["unix:uid:2"] }));
	assert.equal(entries.findSame(entryOf("new", { spiffeId }))?.id, "two");
	await entries.remove("two");
	assert.equal(entries.findSame(entryOf("new", { spiffeId })), undefined);
});

test("entries end in their order, whichever was made first, and one that is prolonged later", async () => {
	const { entries, clock, told, start } = setUp();
	await entries.create(entryOf("late", { expiresAt: start + 48 * 3_600_000 }));
	await entries.create(entryOf("soon", { expiresAt: start + 1_000 }));
	await entries.create(entryOf("prolonged", { expiresAt: start + 1_000 }));
	await entries.create(entryOf("endless"));
	await entries.put(entryOf("prolonged", { expiresAt: start + 2_000 }));
	told.length = 0;
	await clock.advanceAsync(1_000);
	assert.deepEqual(new Set(told), new Set(["soon"]));
	await clock.advanceAsync(1_000);
	assert.equal(entries.size, 2);
	await clock.advanceAsync(48 * 3_600_000);
	assert.deepEqual(
		entries.list().map(({ id }) => id),
		["endless"],
	);
});
