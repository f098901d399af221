import assert from "node:assert/strict";
import { test } from "node:test";
import { createNumbering } from "./numbering.ts";

test("a name has the same number whatever else there is, and no two have one until all are given out", () => {
	const alone = createNumbering(100, 1_000)("web/http");
	const number = createNumbering(100, 1_000);
	const others = Array.from({ length: 20 }, (_, at) => number(`other ${at}`));
	assert.equal(number("web/http"), alone);
	assert.equal(new Set([...others, alone]).size, 21);
	const few = createNumbering(5, 3);
	assert.deepEqual(["a", "b", "c"].map(few).sort(), [5, 6, 7]);
	assert.ok([5, 6, 7].includes(few("d")));
});
