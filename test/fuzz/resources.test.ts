import { test } from "node:test";
import { createSeededRandom } from "../../src/core/index.ts";
import { fuzzResources } from "./resources.ts";

test("resources of any content are taken, or refused in words", () => {
	const random = createSeededRandom(20_261_124);
	for (let round = 0; round < 1_000; round++) fuzzResources(random);
});
