import { test } from "node:test";
import { createSeededRandom } from "../../src/core/index.ts";
import { checkRequestBytes, fuzzRequest, readCorpus } from "./http1.ts";

test("pieces of any size come to the same, and what is forwarded is unambiguous", () => {
	const random = createSeededRandom(20_260_102);
	const corpus = readCorpus();
	for (const bytes of corpus) checkRequestBytes(bytes, random);
	for (let round = 0; round < 3000; round++) fuzzRequest(corpus, random);
});
