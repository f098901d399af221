/** Feeds the HTTP/1.1 request parser with damaged requests: `node test/fuzz/http1.ts [seed]` runs until it is stopped or finds
 *  something. The short run of the suite is http1.test.ts; texts that once were interesting lie in corpus/http1. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createSeededRandom, type Random } from "../../src/core/index.ts";
import { parseRequests, splitBytes } from "../support/http1-events.ts";

const folder = join(import.meta.dirname, "corpus/http1");
const noise = [
	"\r",
	"\n",
	"\r\n",
	" ",
	"\t",
	":",
	",",
	"\0",
	"\x0b",
	"\x7f",
	"\xff",
	"0",
	"f",
	";",
	"chunked",
	"content-length: 1\r\n",
];

/** The requests of the corpus. */
export function readCorpus(): readonly Buffer[] {
	return readdirSync(folder)
		.sort()
		.map((name) => readFileSync(join(folder, name)));
}

/** What must hold of any bytes.
 *  @throws an assertion that holds the bytes */
export function checkRequestBytes(bytes: Buffer, random: Random): void {
	try {
		const whole = parseRequests([bytes]);
		assert.deepEqual(parseRequests(splitBytes(bytes)), whole, "one byte at a time");
		assert.deepEqual(parseRequests(splitAtRandom(bytes, random)), whole, "in random pieces");
		for (const message of whole.messages) {
			if (message.upgrade !== undefined || !message.complete) continue;
			const again = parseRequests([Buffer.from(write(message), "latin1")]);
			assert.equal(again.fault, undefined, "what is forwarded is well formed");
			assert.equal(again.messages.length, 1, "what is forwarded is one request");
			assert.deepEqual(again.messages[0]?.headers, message.headers, "what is forwarded says the same");
		}
	} catch (error) {
		throw new Error(`these bytes break the parser: ${JSON.stringify(bytes.toString("latin1"))}`, { cause: error });
	}
}

/** One round: damages a request of the corpus and checks it. */
export function fuzzRequest(corpus: readonly Buffer[], random: Random): void {
	let text = pick(corpus, random).toString("latin1");
	for (let count = Math.floor(random.next() * 4); count >= 0; count--) {
		const at = Math.floor(random.next() * (text.length + 1));
		const drop = random.next() < 0.5 ? Math.floor(random.next() * 4) : 0;
		const insert = random.next() < 0.7 ? pick(noise, random) : "";
		text = text.slice(0, at) + insert + text.slice(at + drop);
	}
	checkRequestBytes(Buffer.from(text, "latin1"), random);
}

/** As the proxy forwards it: a chunked body becomes one chunk. */
function write(message: {
	start: string;
	authority?: string | undefined;
	headers: readonly string[];
	body: string;
}): string {
	const fields: string[] = [];
	for (let index = 0; index < message.headers.length; index += 2) {
		fields.push(`${message.headers[index]}: ${message.headers[index + 1]}\r\n`);
	}
	const hasLength = message.headers.some((name, index) => index % 2 === 0 && name === "content-length");
	const framing = hasLength || message.body === "" ? "" : "transfer-encoding: chunked\r\n";
	const body = framing === "" ? message.body : `${message.body.length.toString(16)}\r\n${message.body}\r\n0\r\n\r\n`;
	return `${message.start} HTTP/1.1\r\nhost: ${message.authority ?? ""}\r\n${fields.join("")}${framing}\r\n${body}`;
}

function splitAtRandom(bytes: Buffer, random: Random): Buffer[] {
	const pieces: Buffer[] = [];
	for (let at = 0; at < bytes.length; ) {
		const size = 1 + Math.floor(random.next() * 40);
		pieces.push(bytes.subarray(at, at + size));
		at += size;
	}
	return pieces;
}

function pick<T>(items: readonly T[], random: Random): T {
	return items[Math.floor(random.next() * items.length)]!;
}

if (import.meta.main) {
	const random = createSeededRandom(Number(process.argv[2] ?? 1));
	const corpus = readCorpus();
	for (;;) fuzzRequest(corpus, random);
}
