import assert from "node:assert/strict";
import { test } from "node:test";
import { createHexId } from "./hex-id.ts";
import { createSeededRandom } from "./random.ts";

test("an id has eight hex digits a word, the random numbers' own", () => {
	const draws = [0, 0.5, 1 / 16, 1 - 2 ** -32];
	assert.equal(createHexId({ next: () => draws.shift()! }, 4), "000000008000000010000000ffffffff");
	const random = createSeededRandom(3);
	const ids = Array.from({ length: 1000 }, () => createHexId(random, 2));
	for (const id of ids) assert.match(id, /^[0-9a-f]{16}$/);
	assert.equal(new Set(ids).size, ids.length);
});

test("an id is never zero", () => {
	assert.equal(createHexId({ next: () => 0 }, 2), "0000000000000001");
});
