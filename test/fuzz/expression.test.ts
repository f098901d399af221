import { test } from "node:test";
import { createSeededRandom } from "../../src/core/index.ts";
import { fuzzExpression } from "./expression.ts";

test("no value makes an expression throw", () => {
	const random = createSeededRandom(20_261_124);
	for (let round = 0; round < 20_000; round++) fuzzExpression(random);
});
