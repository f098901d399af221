import assert from "node:assert/strict";
import { test } from "node:test";
import { block, frame, getHead, Http2Recorder, preface, readFrames } from "../../../test/support/http2-recorder.ts";
import type { Http2Config } from "./index.ts";

/** How a server takes these bytes: streams by their end, GOAWAY and RST_STREAM frames that it sent, and the fault. */
function serve(frames: readonly Buffer[], config: Partial<Http2Config> = {}): string[] {
	const server = new Http2Recorder("server", config);
	server.onRequest = (stream, _head, endStream) => {
		if (endStream) server.connection.sendHead(stream, 200, [], true);
	};
	const seen: string[] = [];
	for (const { type, streamId, payload } of readFrames(server.take(preface, ...frames))) {
		if (type === 3) seen.push(`RST ${streamId} ${payload.readUInt32BE(0)}`);
		if (type === 7) seen.push(`GOAWAY ${payload.readUInt32BE(4)}`);
	}
	for (const [id, { end, head }] of server.streams)
		seen.push(`${id} ${head === undefined ? "no head " : ""}${end ?? "open"}`);
	if (server.fault !== undefined) seen.push(server.fault);
	return seen;
}

const get = (...more: readonly (readonly [string, string])[]): Buffer => frame(1, 5, 1, block(...getHead, ...more));
const post = (...more: readonly (readonly [string, string])[]): Buffer =>
	frame(1, 4, 1, block([":method", "POST"], ...getHead.slice(1), ...more));
const own = { streamErrorOnInvalidMessage: true };

const malformed: readonly (readonly [string, Buffer, string])[] = [
	["an upper case name", get(["X-Up", "1"]), "invalid-header-field"],
	["a connection field", get(["connection", "close"]), "invalid-header-field"],
	["transfer-encoding", get(["transfer-encoding", "chunked"]), "invalid-header-field"],
	["te beyond trailers", get(["te", "gzip"]), "invalid-header-field"],
	["a line end in a value", get(["x-a", "a\r\nb: c"]), "invalid-header-field"],
	["NUL in a value", get(["x-a", "a\0b"]), "invalid-header-field"],
	["an empty name", get(["", "a"]), "invalid-header-field"],
	["a second path", get([":path", "/b"]), "invalid-header-field"],
	["an unknown pseudo-header field", get([":odd", "1"]), "invalid-header-field"],
	["a status", get([":status", "200"]), "invalid-header-field"],
	["two lengths", post(["content-length", "1"], ["content-length", "2"]), "invalid-header-field"],
	["a length of words", post(["content-length", "many"]), "invalid-header-field"],
	["no path", frame(1, 5, 1, block(getHead[0]!, getHead[1]!, getHead[3]!)), "messaging"],
	["no method", frame(1, 5, 1, block(...getHead.slice(1))), "messaging"],
	[
		"a user name in the authority",
		frame(1, 5, 1, block(...getHead.slice(0, 3), [":authority", "a@b"])),
		"invalid-header-field",
	],
	["no authority", frame(1, 5, 1, block(...getHead.slice(0, 3))), "messaging"],
	["a path without slash", frame(1, 5, 1, block(getHead[0]!, getHead[1]!, [":path", "a"], getHead[3]!)), "messaging"],
	[
		"an empty path",
		frame(1, 5, 1, block(getHead[0]!, getHead[1]!, [":path", ""], getHead[3]!)),
		"invalid-header-field",
	],
	[
		"a blank in the authority",
		frame(1, 5, 1, block(...getHead.slice(0, 3), [":authority", "a b"])),
		"invalid-header-field",
	],
	["a pseudo-header field behind others", frame(1, 5, 1, block(["x-a", "1"], ...getHead)), "invalid-header-field"],
	["CONNECT with a path", frame(1, 4, 1, block([":method", "CONNECT"], ...getHead.slice(1))), "messaging"],
	["a protocol that was not offered", get([":protocol", "websocket"]), "invalid-header-field"],
];

test("trailers may come once behind our reset, and nothing behind them", () => {
	const trailers = frame(1, 5, 1, block(["t", "v"]));
	const broken = [post(["content-length", "1"]), frame(0, 0, 1, "xx")];
	assert.deepEqual(serve([...broken, trailers]), ["RST 1 1", "1 fault content-length 1"]);
	assert.deepEqual(serve([...broken, trailers, trailers]), [
		"RST 1 1",
		"GOAWAY 5",
		"1 fault content-length 1",
		"stream-closed 5",
	]);
});

for (const [name, bytes, fault] of malformed) {
	test(`${name} ends the stream alone, or the connection without a word, as configured`, () => {
		const next = frame(1, 5, 3, block(...getHead));
		assert.deepEqual(serve([bytes, next], own), ["RST 1 1", `1 no head fault ${fault} 1`, "3 end"]);
		assert.deepEqual(serve([bytes, next]), [`1 no head fault ${fault} 1`, `${fault} 1`]);
	});
}

test("a body that is not as long as was said ends its stream", () => {
	const length = (value: string): Buffer => post(["content-length", value]);
	assert.deepEqual(serve([length("10"), frame(0, 1, 1, "abc")]), ["RST 1 1", "1 fault content-length 1"]);
	assert.deepEqual(serve([length("2"), frame(0, 0, 1, "abc")]), ["RST 1 1", "1 fault content-length 1"]);
	assert.deepEqual(serve([length("4"), frame(0, 0, 1, "abc"), frame(1, 5, 1, block(["x", "1"]))]), [
		"RST 1 1",
		"1 fault content-length 1",
	]);
	assert.deepEqual(serve([length("3"), frame(0, 1, 1, "abc")]), ["1 end"]);
});

for (const [name, method, head, end] of [
	["204", "GET", [":status", "204"], "fault content-length 1"],
	["304", "GET", [":status", "304"], "fault content-length 1"],
	["an answer to HEAD", "HEAD", [":status", "200"], "fault content-length 1"],
	["an answer to GET", "GET", [":status", "200"], "end"],
] as const) {
	test(`a body behind ${name}: ${end}`, () => {
		const client = new Http2Recorder("client");
		const transcript = { informational: [], body: "" };
		const stream = client.connection.openStream(transcript, method, "http", "h", "/", undefined, [], true);
		client.streams.set(stream.id, transcript);
		client.take(frame(4, 0, 0), frame(1, 4, 1, block(head)), frame(0, 1, 1, "body"));
		assert.equal(client.streams.get(1)?.end, end);
	});
}

test("trailers may not have pseudo-header fields and must end the stream", () => {
	assert.deepEqual(serve([post(), frame(1, 5, 1, block([":path", "/x"]))], own), [
		"RST 1 1",
		"1 fault invalid-header-field 1",
	]);
	assert.deepEqual(serve([post(), frame(1, 4, 1, block(["x", "1"]))], own), ["RST 1 1", "1 fault messaging 1"]);
	assert.deepEqual(serve([post(), frame(1, 5, 1, block(["x", "1"]))], own), ["1 end"]);
});

const broken: readonly (readonly [string, readonly Buffer[], readonly string[]])[] = [
	["settings of an odd length", [frame(4, 0, 0, "abc")], ["GOAWAY 6", "frame-size 6"]],
	["settings on a stream", [frame(4, 0, 1)], ["protocol 1"]],
	["an acknowledgement with settings", [frame(4, 1, 0, "abcdef")], ["GOAWAY 6", "frame-size 6"]],
	["a window beyond 2^31", [frame(4, 0, 0, "\0\x04\x80\0\0\0")], ["GOAWAY 3", "flow-control 3"]],
	["a frame size below 2^14", [frame(4, 0, 0, "\0\x05\0\0\0\x01")], ["GOAWAY 1", "protocol 1"]],
	["push that is neither on nor off", [frame(4, 0, 0, "\0\x02\0\0\0\x02")], ["GOAWAY 1", "protocol 1"]],
	["a ping of the wrong length", [frame(6, 0, 0, "abc")], ["GOAWAY 6", "frame-size 6"]],
	["a ping on a stream", [frame(6, 0, 1, "abcdefgh")], ["protocol 1"]],
	["a frame beyond 2^14", [frame(0, 0, 1, "x".repeat(20_000))], ["GOAWAY 6", "frame-size 6"]],
	["a block that cannot be decoded", [frame(1, 5, 1, "\xff\xff\xff\xff\xff\xff")], ["GOAWAY 9", "compression 9"]],
	["CONTINUATION out of place", [frame(9, 4, 1, block(...getHead))], ["GOAWAY 1", "protocol 1"]],
	[
		"a frame between HEADERS and CONTINUATION",
		[frame(1, 1, 1, block(...getHead)), frame(6, 0, 0, "abcdefgh")],
		["GOAWAY 1", "protocol 1"],
	],
	["an even stream", [frame(1, 5, 2, block(...getHead))], ["protocol 1"]],
	["data on no stream", [frame(0, 1, 0, "abc")], ["GOAWAY 1", "protocol 1"]],
	["data on an idle stream", [frame(0, 1, 1, "abc")], ["GOAWAY 1", "protocol 1"]],
	["a reset of an idle stream", [frame(3, 0, 1, "\0\0\0\x08")], ["protocol 1"]],
	["a window of an idle stream", [frame(8, 0, 1, "\0\0\0\x08")], ["protocol 1"]],
	["a window that opens by nothing", [frame(8, 0, 0, "\0\0\0\0")], ["protocol 1"]],
	["a window that overflows", [frame(8, 0, 0, "\x7f\xff\xff\xff")], ["GOAWAY 3", "flow-control 3"]],
	["a push", [frame(5, 4, 1, `\0\0\0\x02`)], ["protocol 1"]],
	[
		"a stream that depends on itself",
		[frame(1, 0x25, 1, Buffer.concat([Buffer.from([0, 0, 0, 1, 16]), block(...getHead)]))],
		["protocol 1"],
	],
	["padding as long as its frame", [post(), frame(0, 9, 1, "\x05abc")], ["GOAWAY 1", "1 open", "protocol 1"]],
	[
		"identifiers that go down",
		[frame(1, 5, 5, block(...getHead)), frame(1, 5, 3, block(...getHead))],
		["GOAWAY 1", "5 end", "protocol 1"],
	],
	["a head behind the end", [get(), frame(1, 5, 1, block(...getHead))], ["GOAWAY 5", "1 end", "stream-closed 5"]],
];

for (const [name, frames, seen] of broken) {
	test(`${name} ends the connection`, () => assert.deepEqual(serve(frames), seen));
}

test("data behind the end of a stream resets it", () => {
	assert.deepEqual(serve([get(), frame(0, 0, 1, "late")]), ["RST 1 5", "1 end"]);
});

test("bytes that are no preface end the connection, whatever they come in", () => {
	const server = new Http2Recorder("server");
	server.take(Buffer.from("PRI * HTTP/2.0\r\n"), Buffer.from("GET / HTTP/1.1\r\n\r\n"));
	assert.equal(server.fault, "bad-preface 1");
	const other = new Http2Recorder("server");
	other.take(preface.subarray(0, 24), frame(1, 5, 1, block(...getHead)));
	assert.equal(other.fault, "protocol 1", "settings come first");
});
