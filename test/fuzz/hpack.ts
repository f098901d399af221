/** Feeds the HPACK decoder with damaged header blocks: `node test/fuzz/hpack.ts [seed]` runs until it is stopped or finds something. The short run
 *  of the suite is hpack.test.ts; blocks lie in corpus/hpack, one connection a file, each behind its length in two octets. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createSeededRandom, type Random } from "../../src/core/index.ts";
import { createHpackDictionary, HpackDecoder, HpackEncoder } from "../../src/wire/hpack/index.ts";

const folder = join(import.meta.dirname, "corpus/hpack");
const dictionary = createHpackDictionary(() => 0);
const maxListBytes = 8192;
const maxFields = 50;

/** The blocks of each connection of the corpus. */
export function readCorpus(): readonly (readonly Buffer[])[] {
	return readdirSync(folder)
		.sort()
		.map((name) => cutBlocks(readFileSync(join(folder, name))));
}

function cutBlocks(bytes: Buffer): Buffer[] {
	const blocks: Buffer[] = [];
	for (let at = 0; at + 2 <= bytes.length; ) {
		const end = at + 2 + bytes.readUInt16BE(at);
		blocks.push(bytes.subarray(at + 2, end));
		at = end;
	}
	return blocks;
}

/** What must hold of any blocks.
 *  @throws an assertion that holds them */
export function checkBlocks(blocks: readonly Buffer[]): void {
	try {
		const decoder = new HpackDecoder(dictionary, 4096);
		const mirror = { encoder: new HpackEncoder(4096), decoder: new HpackDecoder(dictionary, 4096) };
		for (const block of blocks) {
			const before = decoder.generation;
			const outcome = decoder.decode(block, 0, block.length, maxListBytes, maxFields);
			if (outcome === "fault") return;
			assert.ok(decoder.tableBytes <= 4096, "the table keeps to its size");
			assert.ok(decoder.fields.length <= maxFields, "no more fields than asked for");
			assert.ok(
				decoder.fields.reduce((sum, { size }) => sum + size - 32, 0) <= maxListBytes,
				"no more bytes than asked for",
			);
			if (decoder.isPure) assert.equal(decoder.generation, before, "a pure block changes nothing");
			checkAgain(decoder, mirror);
			if (!decoder.isPure) continue;
			const seen = decoder.fields.map(({ name, value }) => [name, value]);
			decoder.decode(block, 0, block.length, maxListBytes, maxFields);
			assert.deepEqual(
				decoder.fields.map(({ name, value }) => [name, value]),
				seen,
				"a pure block stays the same",
			);
		}
	} catch (error) {
		throw new Error(`these blocks break HPACK: ${blocks.map((block) => block.toString("hex")).join(" ")}`, {
			cause: error,
		});
	}
}

/** What was decoded is encoded, and decoded again. */
function checkAgain({ fields }: HpackDecoder, mirror: { encoder: HpackEncoder; decoder: HpackDecoder }): void {
	const { encoder, decoder } = mirror;
	encoder.begin();
	for (const { name, value } of fields) encoder.add(name, value);
	assert.equal(decoder.decode(encoder.buffer, 0, encoder.at, maxListBytes, maxFields), "complete", "our own block");
	assert.deepEqual(
		decoder.fields.map(({ name, value }) => [name, value]),
		fields.map(({ name, value }) => [name, value]),
		"encoded and decoded",
	);
	assert.equal(decoder.tableBytes, encoder.tableBytes, "both tables are the same");
}

/** One round: damages the blocks of a connection and checks them. */
export function fuzzBlocks(corpus: readonly (readonly Buffer[])[], random: Random): void {
	const below = (limit: number): number => Math.floor(random.next() * limit);
	const blocks = corpus[below(corpus.length)]!.map((block) => Buffer.from(block));
	for (let count = below(4); count >= 0; count--) {
		const at = below(blocks.length);
		const block = blocks[at]!;
		switch (below(4)) {
			case 0:
				if (block.length > 0) block[below(block.length)] = below(256);
				break;
			case 1:
				blocks[at] = block.subarray(0, below(block.length + 1));
				break;
			case 2:
				blocks[at] = Buffer.concat([block.subarray(0, below(block.length + 1)), blocks[below(blocks.length)]!]);
				break;
			default:
				blocks.splice(at, 0, Buffer.from(block));
		}
	}
	checkBlocks(blocks);
}

if (import.meta.main) {
	const random = createSeededRandom(Number(process.argv[2] ?? 1));
	const corpus = readCorpus();
	for (;;) fuzzBlocks(corpus, random);
}
