import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom, PieceList } from "./index.ts";

test("bytes come out in their order, whatever the sizes of their pieces", () => {
	const random = createSeededRandom(5);
	for (let round = 0; round < 200; round++) {
		const list = new PieceList();
		const expected: number[] = [];
		const seen: { readonly view: Buffer; readonly bytes: string }[] = [];
		for (let index = 0; index < 40; index++) {
			const length = Math.floor(random.next() * (random.next() < 0.2 ? 3000 : 20));
			const view = Buffer.alloc(length, index);
			list.push(view, random.next() < 0.5);
			for (let at = 0; at < length; at++) expected.push(index);
			const last = list.pieces.at(-1);
			if (last !== undefined) seen.push({ view: last, bytes: last.toString("hex") });
		}
		assert.equal(list.bytes, expected.length);
		assert.ok(list.pieces.every((piece) => piece.length > 0));
		assert.deepEqual(
			seen.filter(({ view, bytes }) => view.toString("hex") !== bytes),
			[],
			"a piece was changed",
		);
		assert.deepEqual([...list.takeWhole()], expected);
		assert.deepEqual([list.bytes, list.pieces], [0, []]);
	}
});

test("an octet at a time leaves no object for each", () => {
	const list = new PieceList();
	for (let index = 0; index < 100_000; index++) list.push(Buffer.of(index & 255), true);
	assert.equal(list.bytes, 100_000);
	assert.ok(list.pieces.length < 20, `${list.pieces.length} pieces`);
	assert.equal(list.takeWhole()[70_001], 70_001 & 255);
});

test("a view that is not owned may be used again after the call", () => {
	for (const length of [3, 2000]) {
		const list = new PieceList();
		const view = Buffer.alloc(length, 1);
		list.push(view, false);
		list.push(view, false);
		view.fill(9);
		assert.ok(list.takeWhole().every((octet) => octet === 1));
	}
});
