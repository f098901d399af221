/** Feeds the readers of gRPC frames with damaged ones: `node test/fuzz/grpc.ts [seed]` runs until it is stopped or finds something. The
 *  short run of the suite is grpc.test.ts. */
import assert from "node:assert/strict";
import { createSeededRandom, type Random } from "../../src/core/index.ts";
import { FrameTextEncoder } from "../../src/proxy/filter/http/grpc-web/frame-text.ts";
import { frameMessage, MessageReader } from "../../src/wire/grpc/index.ts";
import { below, cutBytes, damageBytes } from "./damage.ts";

const maxMessageBytes = 300;

interface Read {
	readonly messages: readonly string[];
	readonly problem: string | undefined;
}

function readPieces(pieces: readonly Buffer[]): Read {
	const messages: string[] = [];
	const reader = new MessageReader(maxMessageBytes, (message) => messages.push(message.toString("hex")));
	for (const piece of pieces) {
		const problem = reader.read(piece);
		if (problem !== undefined) return { messages, problem };
	}
	return { messages, problem: undefined };
}

/** One round: frames in whatever pieces they come are the same messages and the same fault, and no message is longer than allowed; what
 *  gRPC-Web makes of them in base64 is the same, too. */
export function fuzzGrpc(random: Random): void {
	const frames = Array.from({ length: 1 + below(5, random) }, () =>
		frameMessage(Buffer.alloc(below(random.next() < 0.1 ? 400 : 40, random), below(256, random))),
	);
	const bytes = damageBytes(Buffer.concat(frames), random);
	try {
		const whole = readPieces([bytes]);
		for (const size of [1, 7, 60])
			assert.deepEqual(readPieces(cutBytes(bytes, size, random)), whole, `pieces of ${size}`);
		for (const message of whole.messages) assert.ok(message.length <= 2 * maxMessageBytes);
		const text = new FrameTextEncoder().encode(bytes);
		const encoder = new FrameTextEncoder();
		const inPieces = cutBytes(bytes, 30, random).map((piece) => encoder.encode(piece));
		assert.equal(inPieces.join(""), text, "base64 in pieces");
		const decoded = Buffer.concat([...text.matchAll(/[^=]+=*/g)].map(([part]) => Buffer.from(part, "base64")));
		assert.ok(
			bytes.length - decoded.length < 3 && bytes.subarray(0, decoded.length).equals(decoded),
			"base64 says the same",
		);
	} catch (error) {
		throw new Error(`these frames break a reader: ${bytes.toString("hex")}`, { cause: error });
	}
}

if (import.meta.main) {
	const random = createSeededRandom(Number(process.argv[2] ?? 1));
	for (;;) fuzzGrpc(random);
}
