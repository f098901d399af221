import { test } from "node:test";
import { createSeededRandom } from "../../src/core/index.ts";
import { checkFrames, fuzzFrames, readCorpus } from "./http2.ts";

test("HTTP/2 in pieces of any size comes to the same, and either end stays in order", () => {
	const random = createSeededRandom(20_260_401);
	const corpus = readCorpus();
	for (const input of corpus) checkFrames(input, random);
	for (let round = 0; round < 3000; round++) fuzzFrames(corpus, random);
});
