import { test } from "node:test";
import { createSeededRandom } from "../../src/core/index.ts";
import { checkHeaderBytes, fuzzHeader, readCorpus } from "./proxy-protocol.ts";

test("pieces of a PROXY header come to the same, and what is taken is there", () => {
	const random = createSeededRandom(20_261_123);
	const corpus = readCorpus();
	for (const bytes of corpus) checkHeaderBytes(bytes);
	for (let round = 0; round < 20_000; round++) fuzzHeader(corpus, random);
});
