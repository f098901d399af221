import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import { eventually } from "../../../test/support/eventually.ts";
import { createHpackDictionary, HpackDecoder, HpackEncoder } from "../../wire/hpack/index.ts";
import { PlainAuthorityConnection } from "./plain-authority.ts";

const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
	const head = Buffer.alloc(9);
	head.writeUIntBE(payload.length, 0, 3);
	head[3] = type;
	head[4] = flags;
	head.writeUInt32BE(streamId, 5);
	return Buffer.concat([head, payload]);
}

/** What a server reads when a client sends these bytes in chunks of a size: each frame, the blocks of headers decoded. */
async function readBack(bytes: Buffer, chunkBytes: number): Promise<unknown[]> {
	const [client, server] = duplexPair();
	const connection = new PlainAuthorityConnection(server);
	const read: Buffer[] = [];
	connection.on("data", (chunk: Buffer) => read.push(chunk));
	const ended = new Promise((resolve) => connection.once("end", resolve));
	for (let at = 0; at < bytes.length; at += chunkBytes) client.write(bytes.subarray(at, at + chunkBytes));
	client.end();
	await ended;
	const all = Buffer.concat(read);
	assert.deepEqual(all.subarray(0, preface.length), preface);
	const decoder = new HpackDecoder(
		createHpackDictionary(() => 0),
		4096,
	);
	const frames: unknown[] = [];
	for (let at = preface.length; at < all.length; ) {
		const length = all.readUIntBE(at, 3);
		const payload = all.subarray(at + 9, at + 9 + length);
		const [type, flags] = [all[at + 3], all[at + 4]];
		if (type !== 1) frames.push([type, payload.toString()]);
		else {
			assert.equal(decoder.decode(payload, 0, payload.length, 65_536, 100), "complete");
			frames.push([flags, decoder.fields.map(({ name, value }) => `${name}=${value}`)]);
		}
		at += 9 + length;
	}
	return frames;
}

const path = "/tmp/agent/api.sock";

test("every request is for localhost, whatever its frames look like; the rest goes through as it came", async () => {
	const encoder = new HpackEncoder(4096);
	const block = (method: string): Buffer => {
		encoder.begin();
		encoder.addAll([":method", "POST", ":path", method, ":authority", path, "workload.spiffe.io", "true"]);
		return Buffer.from(encoder.buffer.subarray(0, encoder.at));
	};
	const padding = Buffer.alloc(5);
	const [first, second, third] = [block("/one"), block("/two"), block("/one")];
	const sent = Buffer.concat([
		preface,
		frame(4, 0, 0, Buffer.alloc(0)),
		frame(1, 0x4, 1, first),
		frame(0, 0x1, 1, Buffer.from("body")),
		frame(1, 0x1 | 0x8 | 0x20, 3, Buffer.concat([Buffer.of(5), Buffer.alloc(5), second.subarray(0, 3), padding])),
		frame(9, 0x4, 3, second.subarray(3)),
		frame(1, 0x4 | 0x1, 5, third),
	]);
	const fields = (method: string) => [
		":method=POST",
		`:path=${method}`,
		":authority=localhost",
		"workload.spiffe.io=true",
	];
	const expected = [
		[4, ""],
		[0x4, fields("/one")],
		[0, "body"],
		[0x5, fields("/two")],
		[0x5, fields("/one")],
	];
	for (const chunkBytes of [1, 7, 64, sent.length]) assert.deepEqual(await readBack(sent, chunkBytes), expected);
});

test("a block that cannot be read, or that does not end, ends the connection", async () => {
	const endless = Array.from({ length: 5 }, () => frame(9, 0, 1, Buffer.alloc(16_384, 0x82)));
	for (const bytes of [
		[frame(1, 0x4, 1, Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff))],
		[frame(1, 0, 1, Buffer.of(0x82)), ...endless],
	]) {
		const [client, server] = duplexPair();
		client.on("error", () => undefined);
		const connection = new PlainAuthorityConnection(server);
		let failure: Error | undefined;
		connection.on("error", (error) => {
			failure = error;
		});
		connection.resume();
		client.write(Buffer.concat([preface, ...bytes]));
		await eventually(() => assert.match(failure?.message ?? "", /header block/));
	}
});
