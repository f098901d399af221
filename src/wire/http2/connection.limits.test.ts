import assert from "node:assert/strict";
import { test } from "node:test";
import { block, frame, getHead, Http2Recorder, preface, readFrames } from "../../../test/support/http2-recorder.ts";

const get = (id: number): Buffer => frame(1, 5, id, block(...getHead));
const post = (id: number): Buffer => frame(1, 4, id, block([":method", "POST"], ...getHead.slice(1)));

test("streams beyond the limit are refused, and room is made by those that end", () => {
	const server = new Http2Recorder("server", { maxConcurrentStreams: 1 });
	const frames = readFrames(server.take(preface, get(1), get(3)));
	assert.deepEqual(
		frames.filter(({ type }) => type === 3).map(({ streamId, payload }) => [streamId, payload[3]]),
		[[3, 7]],
	);
	assert.equal(server.counters.stream_refused_errors.value, 1);
	server.connection.sendHead(server.open.get(1)!, 200, [], true);
	server.take(get(5));
	assert.deepEqual([...server.streams.keys()], [1, 5]);
});

test("a header list beyond its limits resets its stream and keeps the tables in step", () => {
	const server = new Http2Recorder("server", { maxHeaderListBytes: 1000, maxHeaderCount: 6 });
	const long = frame(1, 5, 1, block(...getHead, ["x-long", "v".repeat(1000)]));
	const many = frame(1, 5, 3, block(...getHead, ["a", "1"], ["b", "1"], ["c", "1"]));
	server.take(preface, long, many, get(5));
	assert.equal(server.streams.get(1)?.end, "fault headers-too-large 2");
	assert.equal(server.streams.get(3)?.end, "fault too-many-headers 2");
	assert.equal(server.streams.get(5)?.end, "end");
	assert.equal(server.counters.header_overflow.value, 1);
	assert.equal(server.counters.header_list_size_too_large.value, 1);
});

test("underscores are dropped, rejected or let through", () => {
	const take = (underscores: "allow" | "reject" | "drop"): Http2Recorder => {
		const server = new Http2Recorder("server", { underscores });
		server.take(preface, frame(1, 5, 1, block(...getHead, ["a_b", "1"])));
		return server;
	};
	assert.deepEqual(take("allow").streams.get(1)?.head?.fields, ["a_b", "1"]);
	assert.deepEqual(take("drop").streams.get(1)?.head?.fields, []);
	assert.equal(take("reject").streams.get(1)?.end, "fault underscore 2");
});

test("CONTINUATION without end is cut off", () => {
	const server = new Http2Recorder("server");
	server.take(preface, frame(1, 1, 1, block(...getHead)));
	for (let count = 0; count < 100 && server.fault === undefined; count++)
		server.take(frame(9, 0, 1, block(["x", "y"])));
	assert.equal(server.fault, "continuation-flood 11");
	const large = new Http2Recorder("server");
	large.take(preface, frame(1, 1, 1, block(...getHead)));
	for (let count = 0; count < 100 && large.fault === undefined; count++) large.take(frame(9, 0, 1, "x".repeat(16_000)));
	assert.equal(large.fault, "continuation-flood 11");
});

test("frames without content are cut off", () => {
	const server = new Http2Recorder("server");
	server.take(preface, post(1), frame(0, 0, 1), frame(0, 0, 1, "x"), frame(0, 0, 1), frame(0, 0, 1));
	assert.equal(server.fault, "empty-frames-flood 11");
	assert.equal(server.counters.inbound_empty_frames_flood.value, 1);
});

test("PRIORITY and WINDOW_UPDATE frames are bounded by the streams and data they can be about", () => {
	const server = new Http2Recorder("server", { maxPriorityFramesPerStream: 2 });
	server.take(preface, ...Array.from({ length: 3 }, () => frame(2, 0, 1, "\0\0\0\0\x10")));
	assert.equal(server.fault, "priority-flood 11");
	const other = new Http2Recorder("server");
	other.take(preface, ...Array.from({ length: 6 }, () => frame(8, 0, 0, "\0\0\0\x01")));
	assert.equal(other.fault, "window-update-flood 11");
});

test("answers that nobody reads are bounded", () => {
	const server = new Http2Recorder("server");
	server.outcome = "full";
	server.take(preface);
	for (let count = 0; count < 3000 && server.fault === undefined; count++) server.take(frame(6, 0, 0, "abcdefgh"));
	assert.equal(server.fault, "outbound-control-flood 11");
	const settings = new Http2Recorder("server");
	settings.outcome = "full";
	for (let count = 0; count < 3000 && settings.fault === undefined; count++)
		settings.take(count === 0 ? preface : frame(4, 0, 0));
	assert.equal(settings.fault, "outbound-control-flood 11");
	const reader = new Http2Recorder("server");
	for (let count = 0; count < 3000; count++) reader.take(count === 0 ? preface : frame(6, 0, 0, "abcdefgh"));
	assert.equal(reader.fault, undefined);
});

test("a body waits for the windows of its reader and for the socket, is bounded, and leaves in turns", () => {
	const server = new Http2Recorder("server", { sendBufferBytes: 1000 });
	server.take(preface, frame(4, 0, 0, "\0\x04\0\0\0\x0a"), get(1), get(3));
	const [one, three] = [server.open.get(1)!, server.open.get(3)!];
	const { connection } = server;
	connection.sendHead(one, 200, [], false);
	connection.sendHead(three, 200, [], false);
	assert.equal(connection.sendData(one, Buffer.alloc(500), false), true);
	assert.equal(connection.sendData(one, Buffer.alloc(700), false), false);
	assert.equal(connection.pendingBytes, 1190);
	assert.equal(connection.sendData(three, Buffer.alloc(20), true), true);
	server.take();
	const grant = (id: number, bytes: number): Buffer => {
		const payload = Buffer.alloc(4);
		payload.writeUInt32BE(bytes);
		return frame(8, 0, id, payload);
	};
	const data = (bytes: Buffer): (number | boolean)[][] =>
		readFrames(bytes)
			.filter(({ type }) => type === 0)
			.map(({ streamId, payload, flags }) => [streamId, payload.length, flags === 1]);
	assert.deepEqual(data(server.take(grant(1, 600))), [
		[1, 490, false],
		[1, 110, false],
	]);
	assert.equal(server.events.includes("writable 1"), false);
	assert.deepEqual(data(server.take(grant(1, 100))), [[1, 100, false]]);
	assert.equal(server.events.includes("writable 1"), true);
	assert.deepEqual(data(server.take(grant(3, 100))), [[3, 10, true]]);
	server.outcome = "full";
	connection.sendData(one, Buffer.alloc(5), false);
	server.take(frame(6, 0, 0, "abcdefgh"));
	server.take(grant(1, 1000));
	assert.equal(connection.pendingBytes, 495);
	server.outcome = "taken";
	connection.onSocketDrain();
	assert.deepEqual(data(server.take()), [
		[1, 490, false],
		[1, 5, false],
	]);
	connection.sendTrailers(one, ["grpc-status", "0"]);
	server.take();
	assert.equal(connection.activeStreams, 0);
});

test("credit is given when the body went on, and for what is dropped", () => {
	const server = new Http2Recorder("server", { streamWindowBytes: 70_000, connectionWindowBytes: 100_000 });
	server.consumes = false;
	server.take(preface, post(1));
	const windows = (bytes: Buffer): number[][] =>
		readFrames(bytes)
			.filter(({ type }) => type === 8)
			.map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)]);
	const body = Array.from({ length: 4 }, () => frame(0, 0, 1, "x".repeat(15_000)));
	assert.deepEqual(windows(server.take(...body)), []);
	const stream = server.open.get(1)!;
	server.connection.consume(stream, 40_000);
	assert.deepEqual(windows(server.take()), [[1, 40_000]]);
	server.connection.consume(stream, 10_000);
	assert.deepEqual(windows(server.take()), [[0, 50_000]]);
	server.take(...body.slice(0, 3));
	assert.deepEqual(
		windows(server.take(frame(3, 0, 1, "\0\0\0\x08"))),
		[[0, 55_000]],
		"what was not consumed comes back with the reset",
	);
	server.take(
		post(3),
		...Array.from({ length: 4 }, () => frame(0, 0, 3, "x".repeat(16_000))),
		frame(0, 0, 3, "x".repeat(6_001)),
	);
	assert.equal(server.streams.get(3)?.end, "fault flow-control 3");
});

test("GOAWAY in two steps lets streams under way in, and refuses later ones without a word", () => {
	const server = new Http2Recorder("server");
	server.take(preface, get(1));
	server.connection.announceGoAway();
	server.take(get(3));
	server.connection.goAway(0);
	const goAways = readFrames(server.take(get(5))).filter(({ type }) => type === 7);
	assert.deepEqual(
		goAways.map(({ payload }) => payload.readUInt32BE(0)),
		[3],
	);
	assert.deepEqual([...server.streams.keys()], [1, 3]);
});

test("a client gives up what the server refuses, and opens nothing more", () => {
	const client = new Http2Recorder("client");
	const open = (): number =>
		client.connection.openStream({ informational: [], body: "" }, "GET", "http", "h", "/", undefined, [], true).id;
	client.take(frame(4, 0, 0, "\0\x03\0\0\0\x03"));
	assert.deepEqual([open(), open(), open()], [1, 3, 5]);
	assert.equal(client.connection.canOpenStream, false, "the server takes three");
	client.take(frame(7, 0, 0, "\0\0\0\x01\0\0\0\0"));
	assert.deepEqual(
		client.events.filter((event) => event.startsWith("goaway")),
		["goaway 1 0"],
	);
	assert.deepEqual([client.streams.get(3)?.end, client.streams.get(5)?.end], ["reset 7", "reset 7"]);
	client.take(frame(1, 5, 1, Buffer.from([0x88])));
	assert.equal(client.streams.get(1)?.head?.pseudo, "200");
	assert.equal(client.connection.canOpenStream, false);
});

test("a response that is complete before its request ends with a reset behind its body", () => {
	const server = new Http2Recorder("server");
	server.take(preface, frame(4, 0, 0, "\0\x04\0\0\0\x02"), post(1));
	const stream = server.open.get(1)!;
	server.connection.sendHead(stream, 413, [], false);
	server.connection.sendData(stream, Buffer.from("full"), true);
	server.connection.resetStream(stream, 0);
	assert.deepEqual(
		readFrames(server.take()).map(({ type }) => type),
		[1, 0],
	);
	assert.deepEqual(
		readFrames(server.take(frame(8, 0, 1, "\0\0\0\x09"))).map(({ type, flags }) => [type, flags]),
		[
			[0, 1],
			[3, 0],
		],
	);
	assert.equal(server.connection.activeStreams, 0);
});

test("extended CONNECT is taken where it is offered", () => {
	const server = new Http2Recorder("server", { allowExtendedConnect: true });
	const head = block([":method", "CONNECT"], ...getHead.slice(1), [":protocol", "websocket"]);
	const settings = readFrames(server.take(preface, frame(1, 4, 1, head)))[0]!;
	assert.equal(settings.payload.includes(Buffer.from([0, 8, 0, 0, 0, 1])), true);
	assert.equal(server.streams.get(1)?.head?.pseudo, "CONNECT http h / websocket");
});

test("a body that comes octet by octet and waits is kept in few pieces, and sent whole", () => {
	const server = new Http2Recorder("server");
	server.take(preface, frame(4, 0, 0, "\0\x04\0\0\0\0"), get(1));
	const stream = server.open.get(1)!;
	server.connection.sendHead(stream, 200, [], false);
	const body = Buffer.from(Array.from({ length: 50_000 }, (_, index) => index & 255));
	for (let at = 0; at < body.length; at++) server.connection.sendData(stream, body.subarray(at, at + 1), false);
	server.connection.sendData(stream, body.subarray(0, 10_000), true);
	assert.ok(stream.pending!.length < 40, `${stream.pending!.length} pieces`);
	const sent = readFrames(server.take(frame(8, 0, 1, "\0\0\xea\x60")));
	const data = sent.filter(({ type }) => type === 0).map(({ payload }) => payload);
	assert.deepEqual(Buffer.concat(data), Buffer.concat([body, body.subarray(0, 10_000)]));
});

test("settings that change the window again and again in a frame count once, and none of them may overflow one", () => {
	const sizes = (...values: number[]): Buffer =>
		frame(4, 0, 0, Buffer.concat(values.map((value) => Buffer.from([0, 4, ...uint32(value)]))));
	const server = new Http2Recorder("server");
	server.take(preface, frame(4, 0, 0), get(1));
	server.take(sizes(0, 70_000, 5, 100));
	assert.equal(server.open.get(1)!.sendWindow, 100);
	server.take(frame(8, 0, 1, Buffer.from(uint32(1000))));
	server.take(sizes(0x7fffffff, 100));
	assert.equal(server.fault, "flow-control 3");
});

function uint32(value: number): number[] {
	return [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

test("frames that change nothing are bounded", () => {
	const goAway = frame(7, 0, 0, "\0\0\0\0\0\0\0\0");
	const floods: Readonly<Record<string, Buffer>> = {
		"resets of a stream that is over": frame(3, 0, 1, "\0\0\0\x08"),
		"frames of unknown types": frame(0xee, 0, 0, "x"),
		PRIORITY_UPDATE: frame(16, 0, 0, "\0\0\0\x01u=1"),
		"answers to no PING": frame(6, 1, 0, "abcdefgh"),
		"further GOAWAY frames": goAway,
	};
	for (const [name, bytes] of Object.entries(floods)) {
		const server = new Http2Recorder("server");
		server.take(preface, get(1));
		server.connection.sendHead(server.open.get(1)!, 200, [], true);
		for (let count = 0; count < 1000; count++) server.take(bytes);
		assert.equal(server.fault, undefined, name);
		for (let count = 0; count < 100 && server.fault === undefined; count++) server.take(bytes);
		assert.equal(server.fault, "idle-frames-flood 11", name);
	}
});

test("answers to our own PING frames are no flood", () => {
	const server = new Http2Recorder("server");
	server.take(preface);
	for (let count = 0; count < 2000; count++) {
		server.connection.ping();
		server.take(frame(6, 1, 0, "\0\0\0\0\0\0\0\0"));
	}
	assert.equal(server.fault, undefined);
});

test("SETTINGS that nobody announced are not acknowledged", () => {
	const server = new Http2Recorder("server");
	server.take(preface, frame(4, 1, 0));
	assert.equal(server.fault, undefined);
	server.take(frame(4, 1, 0));
	assert.equal(server.fault, "protocol 1");
});

test("frames of padding alone are frames without content", () => {
	const server = new Http2Recorder("server");
	const padding = frame(0, 8, 1, "\x03\0\0\0");
	server.take(preface, post(1), padding, frame(0, 8, 1, "\x03x\0\0\0"), padding, frame(0, 8, 1, "\x03x\0\0\0"));
	assert.equal(server.fault, undefined);
	assert.equal(server.streams.get(1)?.body, "xx");
	server.take(padding, padding);
	assert.equal(server.fault, "empty-frames-flood 11");
});

test("one turn answers a bounded number of frames", () => {
	for (const bytes of [frame(6, 0, 0, "abcdefgh"), frame(4, 0, 0, "\0\x01\0\0\0\0")]) {
		const server = new Http2Recorder("server");
		server.take(preface, ...Array.from({ length: 900 }, () => bytes));
		server.take(...Array.from({ length: 900 }, () => bytes));
		assert.equal(server.fault, undefined);
		server.take(Buffer.concat(Array.from({ length: 1100 }, () => bytes)));
		assert.equal(server.fault, "outbound-control-flood 11");
	}
});

test("the last stream that a GOAWAY names is one of its receiver's", () => {
	const fault = (role: "server" | "client", last: string): string | undefined => {
		const recorder = new Http2Recorder(role);
		recorder.take(...(role === "server" ? [preface] : [frame(4, 0, 0)]), frame(7, 0, 0, `${last}\0\0\0\0`));
		return recorder.fault;
	};
	assert.equal(fault("server", "\0\0\0\x02"), undefined);
	assert.equal(fault("server", "\0\0\0\x01"), "protocol 1");
	assert.equal(fault("client", "\0\0\0\x01"), undefined);
	assert.equal(fault("client", "\0\0\0\x02"), "protocol 1");
});
