/** Feeds the PROXY protocol parser with damaged headers: `node test/fuzz/proxy-protocol.ts [seed]` runs until it is stopped or finds
 *  something. The short run of the suite is proxy-protocol.test.ts; headers that once were interesting lie in corpus/proxy-protocol. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createSeededRandom, type Random } from "../../src/core/index.ts";
import { formatProxyHeader, parseProxyHeader } from "../../src/wire/proxy-protocol/index.ts";

const folder = join(import.meta.dirname, "corpus/proxy-protocol");

/** The headers of the corpus. */
export function readCorpus(): readonly Buffer[] {
	return readdirSync(folder)
		.sort()
		.map((name) => readFileSync(join(folder, name)));
}

/** What must hold of any bytes.
 *  @throws an assertion that holds the bytes */
export function checkHeaderBytes(bytes: Buffer): void {
	try {
		const whole = parseProxyHeader(bytes);
		// Once it is told what the bytes are, more of them change nothing.
		for (let length = 1; length <= bytes.length; length++) {
			const part = parseProxyHeader(bytes.subarray(0, length));
			if (part.kind !== "incomplete") {
				assert.deepEqual(part, whole, `told after ${length} bytes`);
				break;
			}
		}
		if (whole.kind !== "header") return;
		assert.ok(whole.length <= bytes.length, "no more is taken than there is");
		const { version, addresses, tlvs } = whole;
		const again = parseProxyHeader(formatProxyHeader({ version, addresses, tlvs }));
		assert.equal(again.kind, "header");
		if (again.kind === "header" && addresses !== undefined && version === 2) {
			assert.deepEqual([again.addresses, again.tlvs], [addresses, tlvs], "what goes on says the same");
		}
	} catch (error) {
		throw new Error(`these bytes break the parser: ${bytes.toString("hex")}`, { cause: error });
	}
}

/** One round: damages a header of the corpus and checks it. */
export function fuzzHeader(corpus: readonly Buffer[], random: Random): void {
	const bytes = Buffer.from(corpus[Math.floor(random.next() * corpus.length)]!);
	for (let count = Math.floor(random.next() * 4); count > 0; count--) {
		bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256);
	}
	checkHeaderBytes(random.next() < 0.3 ? bytes.subarray(0, Math.floor(random.next() * bytes.length)) : bytes);
}

if (import.meta.main) {
	const random = createSeededRandom(Number(process.argv[2] ?? 1));
	const corpus = readCorpus();
	for (;;) fuzzHeader(corpus, random);
}
