import { test } from "node:test";
import { createSeededRandom } from "../../src/core/index.ts";
import { fuzzTokens } from "./tokens.ts";

test("damaged tokens and key sets are told, and what nobody signed is not taken", () => {
	const random = createSeededRandom(20_261_124);
	for (let round = 0; round < 2_000; round++) fuzzTokens(random);
});
