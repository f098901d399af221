import { test } from "node:test";
import { createSeededRandom } from "../../src/core/index.ts";
import { fuzzConfig } from "./config.ts";

test("no damaged config document breaks the parser", () => {
	const random = createSeededRandom(20_260_101);
	for (let round = 0; round < 400; round++) fuzzConfig(random);
});
