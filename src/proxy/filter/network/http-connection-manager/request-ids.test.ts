import assert from "node:assert/strict";
import { test } from "node:test";
import { RequestIds } from "./request-ids.ts";

test("request ids are version 4 UUIDs, each another", () => {
	const ids = new RequestIds();
	const made = Array.from({ length: 1000 }, () => ids.next());
	for (const id of made) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
	assert.equal(new Set(made).size, made.length);
	// Every digit that is free takes every value.
	for (const place of [0, 7, 9, 16, 21, 24, 35]) {
		assert.equal(new Set(made.map((id) => id[place])).size, 16, `place ${place}`);
	}
});
