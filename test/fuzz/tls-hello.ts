/** Feeds the reader of TLS ClientHellos with damaged ones: `node test/fuzz/tls-hello.ts [seed]` runs until it is stopped or finds
 *  something. The short run of the suite is tls-hello.test.ts; hellos that once were interesting lie in corpus/tls-hello. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createSeededRandom, type Random } from "../../src/core/index.ts";
import { maxClientHelloBytes, parseFirstBytes } from "../../src/wire/tls-hello/index.ts";

const folder = join(import.meta.dirname, "corpus/tls-hello");
const recordHeaderBytes = 5;
const noise = Buffer.alloc(7, 0xff);

/** The first bytes of connections that the corpus holds. */
export function readCorpus(): readonly Buffer[] {
	return readdirSync(folder)
		.sort()
		.map((name) => readFileSync(join(folder, name)));
}

/** What must hold of any bytes.
 *  @throws an assertion that holds the bytes */
export function checkFirstBytes(bytes: Buffer): void {
	try {
		const whole = parseFirstBytes(bytes);
		// Once it is told what the bytes are, more of them change nothing: a connection that sends them one by one is treated alike.
		for (let length = 0; length <= bytes.length; length++) {
			const part = parseFirstBytes(bytes.subarray(0, length));
			if (part.kind === "incomplete") continue;
			assert.deepEqual(part, whole, `told after ${length} bytes`);
			break;
		}
		if (whole.kind !== "incomplete") {
			assert.deepEqual(parseFirstBytes(Buffer.concat([bytes, noise])), whole, "what follows is not looked at");
		}
		// What stays incomplete is bounded: a peer cannot make the proxy gather without end.
		if (whole.kind === "incomplete") assert.ok(bytes.length < maxGatheredBytes, "is given up some time");
		if (whole.kind !== "client-hello") return;
		assert.match(whole.serverName, /^[\x21-\x7e]*$/, "a name can be logged");
		const named = whole.applicationProtocols.reduce((sum, name) => sum + name.length, whole.serverName.length);
		assert.ok(named <= bytes.length, "no more is read than there is");
	} catch (error) {
		throw new Error(`these bytes break the reader: ${bytes.toString("hex")}`, { cause: error });
	}
}

/** Records of one byte each are the most that a hello can be blown up to. */
const maxGatheredBytes = (maxClientHelloBytes + 1) * (recordHeaderBytes + 1);

/** One round: damages a hello of the corpus, sometimes cuts it into records anew, and checks it. */
export function fuzzHello(corpus: readonly Buffer[], random: Random): void {
	const pick = (below: number): number => Math.floor(random.next() * below);
	let bytes: Buffer = Buffer.from(corpus[pick(corpus.length)]!);
	for (let count = pick(4); count > 0; count--) bytes[pick(bytes.length)] = pick(256);
	// A length that lies is what parsers trip over.
	if (random.next() < 0.3 && bytes.length > 48) bytes.writeUInt16BE(pick(65_536), 3 + pick(bytes.length - 5));
	if (random.next() < 0.3) bytes = cutIntoRecords(bytes, pick);
	if (random.next() < 0.3) bytes = bytes.subarray(0, pick(bytes.length));
	checkFirstBytes(bytes);
}

function cutIntoRecords(bytes: Buffer, pick: (below: number) => number): Buffer {
	const body = bytes.subarray(recordHeaderBytes);
	const records: Buffer[] = [];
	for (let offset = 0; offset < body.length; ) {
		const piece = body.subarray(offset, offset + 1 + pick(100));
		records.push(Buffer.from([22, 3, 1, piece.length >> 8, piece.length & 255]), piece);
		offset += piece.length;
	}
	return Buffer.concat(records);
}

if (import.meta.main) {
	const random = createSeededRandom(Number(process.argv[2] ?? 1));
	const corpus = readCorpus();
	for (;;) fuzzHello(corpus, random);
}
