import assert from "node:assert/strict";
import { test } from "node:test";
import { NumberMap } from "./number-map.ts";
import { createSeededRandom } from "./random.ts";

test("it does what a Map does, whatever comes and goes", () => {
	const random = createSeededRandom(7);
	const map = new NumberMap<string>();
	const model = new Map<number, string>();
	for (let step = 0; step < 50_000; step++) {
		// Long phases of growing and of shrinking, with neighbours, repeats and numbers beyond 32 bits among the keys.
		const isGrowing = Math.floor(step / 2000) % 2 === 0;
		const key = Math.floor(random.next() * 700) * (random.next() < 0.1 ? 2 ** 40 + 1 : 1);
		if (random.next() < (isGrowing ? 0.7 : 0.2)) {
			map.set(key, `v${step}`);
			model.set(key, `v${step}`);
		} else {
			assert.equal(map.delete(key), model.delete(key));
		}
		assert.equal(map.size, model.size);
		const probe = Math.floor(random.next() * 700);
		assert.deepEqual([map.get(probe), map.has(probe)], [model.get(probe), model.has(probe)]);
	}
	const expected = [...model].sort(([one], [other]) => one - other).map(([, value]) => value);
	assert.deepEqual(map.values(), expected);
});

test("values are those of the call, though entries go meanwhile", () => {
	const map = new NumberMap<number>();
	for (let key = 1; key <= 40; key++) map.set(key, key * 10);
	for (const value of map.values()) map.delete(value / 10);
	assert.deepEqual([map.size, map.values()], [0, []]);
});
