import { test } from "node:test";
import { createSeededRandom } from "../../src/core/index.ts";
import { checkFirstBytes, fuzzHello, readCorpus } from "./tls-hello.ts";

test("pieces of a ClientHello come to the same, and what is read is there", () => {
	const random = createSeededRandom(20_261_123);
	const corpus = readCorpus();
	for (const bytes of corpus) checkFirstBytes(bytes);
	for (let round = 0; round < 2_000; round++) fuzzHello(corpus, random);
});
