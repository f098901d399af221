import assert from "node:assert/strict";
import { test } from "node:test";
import { createSeededRandom } from "../../../../core/index.ts";
import { FrameTextEncoder } from "./frame-text.ts";

function frame(length: number, flags = 0): Buffer {
	const bytes = Buffer.alloc(5 + length, "frame");
	bytes[0] = flags;
	bytes.writeUInt32BE(length, 1);
	return bytes;
}

test("frames in any pieces come to the same text, each frame in base64 of its own", () => {
	const random = createSeededRandom(20_261_124);
	for (let round = 0; round < 500; round++) {
		const frames = Array.from({ length: 1 + Math.floor(random.next() * 5) }, () =>
			frame(Math.floor(random.next() ** 3 * 400), Math.floor(random.next() * 2)),
		);
		const bytes = Buffer.concat(frames);
		const encoder = new FrameTextEncoder();
		let text = "";
		for (let at = 0; at < bytes.length; ) {
			const size = 1 + Math.floor(random.next() ** 2 * 60);
			text += encoder.encode(bytes.subarray(at, at + size));
			at += size;
		}
		assert.equal(text, frames.map((one) => one.toString("base64")).join(""));
	}
});

test("a message of any length is told as it comes, and not held back until it is whole", () => {
	const encoder = new FrameTextEncoder();
	// The length that is announced never comes.
	const prefix = Buffer.of(0, 0xff, 0xff, 0xff, 0xff);
	let given = prefix.length;
	let told = encoder.encode(prefix).length;
	for (let count = 0; count < 1000; count++) {
		const piece = Buffer.alloc(1024, count);
		given += piece.length;
		told += encoder.encode(piece).length;
		assert.ok(given - (told / 4) * 3 < 3, `${told} characters for ${given} bytes`);
	}
});
