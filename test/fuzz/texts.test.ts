import { test } from "node:test";
import { createSeededRandom } from "../../src/core/index.ts";
import { fuzzTexts } from "./texts.ts";

test("small texts are read, or told to be none", () => {
	const random = createSeededRandom(20_261_124);
	for (let round = 0; round < 5_000; round++) fuzzTexts(random);
});
