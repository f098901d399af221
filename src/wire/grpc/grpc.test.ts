import assert from "node:assert/strict";
import { test } from "node:test";
import {
	decodeStatusMessage,
	encodeStatusMessage,
	formatGrpcTimeout,
	frameMessage,
	MessageReader,
	parseGrpcTimeout,
} from "./index.ts";

test("messages come out as they went in, however the bytes are cut", () => {
	const messages = ["", "a", "hello", "x".repeat(300)].map((text) => Buffer.from(text));
	const bytes = Buffer.concat(messages.map((message) => frameMessage(message)));
	for (const size of [1, 2, 3, 7, 64, bytes.length]) {
		const seen: string[] = [];
		const reader = new MessageReader(1000, (message) => seen.push(message.toString()));
		for (let at = 0; at < bytes.length; at += size) assert.equal(reader.read(bytes.subarray(at, at + size)), undefined);
		assert.deepEqual(
			seen,
			messages.map((message) => message.toString()),
		);
		assert.equal(reader.isWithinMessage, false);
	}
});

test("a message above the limit, a compressed one and unknown flags are refused before they are held", () => {
	const read = (bytes: number[]): string | undefined =>
		new MessageReader(10, () => assert.fail()).read(Buffer.from(bytes));
	assert.equal(read([0, 0, 0, 0, 11]), "message too large");
	assert.equal(read([1, 0, 0, 0, 1, 0]), "compressed message");
	assert.equal(read([2, 0, 0, 0, 1, 0]), "bad flags");
});

test("any bytes end in messages or a problem", () => {
	let seed = 7;
	const next = (): number => {
		seed = (seed * 1103515245 + 12345) & 0x7fffffff;
		return seed & 0xff;
	};
	for (let round = 0; round < 500; round++) {
		const bytes = Buffer.from(Array.from({ length: 40 }, () => (next() < 160 ? 0 : next())));
		const reader = new MessageReader(16, (message) => assert.ok(message.length <= 16));
		reader.read(bytes);
	}
});

test("timeouts are read and written in gRPC's units", () => {
	assert.equal(parseGrpcTimeout("250m"), 250);
	assert.equal(parseGrpcTimeout("2S"), 2000);
	assert.equal(parseGrpcTimeout("123456789m"), undefined);
	assert.equal(parseGrpcTimeout("5x"), undefined);
	assert.equal(formatGrpcTimeout(250), "250m");
	assert.equal(formatGrpcTimeout(0.2), "1m");
	assert.equal(formatGrpcTimeout(200_000_000), "200000S");
});

test("status messages are escaped as UTF-8", () => {
	assert.equal(encodeStatusMessage("a%ü\n"), "a%25%C3%BC%0A");
	assert.equal(decodeStatusMessage("a%25%C3%BC%0A"), "a%ü\n");
	assert.equal(decodeStatusMessage("50% off%"), "50% off%");
});
