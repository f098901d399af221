/** Feeds both ends of HTTP/2 with damaged frames: `node test/fuzz/http2.ts [seed]` runs until it is stopped or finds something. The short run of
 *  the suite is http2.test.ts; bytes that once were interesting lie in corpus/http2, `client-…` for those of a client. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createSeededRandom, type Random } from "../../src/core/index.ts";
import { frame, Http2Recorder, readFrames } from "../support/http2-recorder.ts";

const folder = join(import.meta.dirname, "corpus/http2");

/** What one end of a connection says. */
export interface FuzzInput {
	/** Who says it. */
	readonly from: "client" | "server";
	readonly bytes: Buffer;
}

export function readCorpus(): readonly FuzzInput[] {
	return readdirSync(folder)
		.sort()
		.map((name) => ({
			from: name.startsWith("client-") ? "client" : "server",
			bytes: readFileSync(join(folder, name)),
		}));
}

/** What must hold of any bytes.
 *  @throws an assertion that holds the bytes */
export function checkFrames(input: FuzzInput, random: Random): void {
	try {
		const whole = listen(input, [input.bytes]);
		const pieces = listen(input, splitAtRandom(input.bytes, random));
		assert.deepEqual(pieces, whole, "in random pieces");
	} catch (error) {
		throw new Error(`these bytes break the codec: ${input.from} ${input.bytes.toString("hex")}`, { cause: error });
	}
}

/** One round: damages a conversation of the corpus and checks it. */
export function fuzzFrames(corpus: readonly FuzzInput[], random: Random): void {
	const { from, bytes } = pick(corpus, random);
	checkFrames({ from, bytes: damage(bytes, random) }, random);
}

/** The other end takes `pieces`: what its user saw, and what it answered, bodies joined. */
function listen({ from }: FuzzInput, pieces: readonly Buffer[]): unknown {
	const config = { streamErrorOnInvalidMessage: true, allowExtendedConnect: true, maxConcurrentStreams: 20 };
	const recorder = new Http2Recorder(from === "client" ? "server" : "client", config);
	const { connection } = recorder;
	recorder.onRequest = (stream, _head, endStream) => {
		if (from !== "client") return;
		connection.sendHead(stream, 200, ["content-type", "text/plain"], false);
		connection.sendData(stream, Buffer.from("hello"), endStream);
	};
	if (from === "server") {
		for (let count = 0; count < 4; count++) {
			connection.openStream({ informational: [], body: "" }, "GET", "http", "h", "/", undefined, ["a", "b"], true);
		}
	}
	for (const piece of pieces) connection.execute(Buffer.from(piece));
	connection.flush();
	const sent = Buffer.concat(recorder.written);
	const greeting = from === "server" ? 24 : 0;
	const frames = readFrames(sent.subarray(greeting));
	const held = frames.reduce((sum, { payload }) => sum + 9 + payload.length, greeting);
	assert.equal(held, sent.length, "what is sent is whole frames");
	for (const { payload } of frames) assert.ok(payload.length <= 16_384, "no frame is too long");
	for (const stream of connection.streams()) assert.ok(!stream.isClosed, "no closed stream is kept");
	// How much of a body was handed on before it turned out wrong depends on how it came.
	for (const stream of recorder.streams.values()) if (stream.end?.startsWith("fault") === true) stream.body = "";
	const seen = { streams: [...recorder.streams], fault: recorder.fault, sent: sent.toString("hex") };
	connection.close();
	assert.equal(recorder.counters.streams_active.value, 0, "streams are counted down");
	assert.equal(recorder.counters.pending_send_bytes.value, 0, "bytes are counted down");
	return seen;
}

function damage(bytes: Buffer, random: Random): Buffer {
	const pieces = cutFrames(bytes);
	const below = (limit: number): number => Math.floor(random.next() * limit);
	for (let count = below(3); count >= 0; count--) {
		const at = below(pieces.length);
		const piece = pieces[at]!;
		switch (below(6)) {
			case 0:
				pieces.splice(at, 1);
				if (pieces.length === 0) return Buffer.alloc(0);
				break;
			case 1:
				pieces.splice(below(pieces.length), 0, piece);
				break;
			case 2:
				pieces[at] = flip(piece, below(piece.length), below(256));
				break;
			case 3:
				pieces.splice(at, 0, frame(below(12), below(256), below(9), Buffer.alloc(below(20), below(256))));
				break;
			case 4:
				pieces[at] = flip(piece, Math.min(piece.length - 1, 3 + below(6)), below(64));
				break;
			default:
				pieces[at] = piece.subarray(0, below(piece.length + 1));
		}
	}
	return Buffer.concat(pieces);
}

/** The preface, then one frame each. */
function cutFrames(bytes: Buffer): Buffer[] {
	const pieces: Buffer[] = [];
	let at = bytes.toString("latin1", 0, 3) === "PRI" ? 24 : 0;
	if (at > 0) pieces.push(bytes.subarray(0, at));
	while (at + 9 <= bytes.length) {
		const end = at + 9 + bytes.readUIntBE(at, 3);
		pieces.push(bytes.subarray(at, end));
		at = end;
	}
	if (at < bytes.length) pieces.push(bytes.subarray(at));
	return pieces;
}

function flip(bytes: Buffer, at: number, value: number): Buffer {
	const copy = Buffer.from(bytes);
	if (at < copy.length) copy[at] = value;
	return copy;
}

function splitAtRandom(bytes: Buffer, random: Random): Buffer[] {
	const pieces: Buffer[] = [];
	for (let at = 0; at < bytes.length; ) {
		const size = 1 + Math.floor(random.next() * 30);
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
	for (;;) fuzzFrames(corpus, random);
}
