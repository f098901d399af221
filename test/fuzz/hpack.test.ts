import { test } from "node:test";
import { createSeededRandom } from "../../src/core/index.ts";
import { checkBlocks, fuzzBlocks, readCorpus } from "./hpack.ts";

test("header blocks of any kind leave the tables in order, and what is decoded survives encoding", () => {
	const random = createSeededRandom(20_260_402);
	const corpus = readCorpus();
	for (const blocks of corpus) checkBlocks(blocks);
	for (let round = 0; round < 5000; round++) fuzzBlocks(corpus, random);
});
