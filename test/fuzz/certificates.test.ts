import { test } from "node:test";
import { createSeededRandom } from "../../src/core/index.ts";
import { fuzzCertificates } from "./certificates.ts";

test("damaged certificates and requests are refused in words, and no request says what nobody signed", () => {
	const random = createSeededRandom(20_261_124);
	for (let round = 0; round < 3_000; round++) fuzzCertificates(random);
});
