import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { type AddressInfo, connect } from "node:net";
import { type Duplex, duplexPair } from "node:stream";
import { test } from "node:test";
import { Http2Recorder, type StreamTranscript } from "../../../test/support/http2-recorder.ts";
import type { Http2Stream } from "./index.ts";

/** Puts a recorder on one end of a pipe. */
function attach(recorder: Http2Recorder, pipe: Duplex): void {
	recorder.onOutputBytes = (bytes) => void pipe.write(bytes);
	pipe.on("data", (bytes: Buffer) => {
		recorder.connection.execute(bytes);
		recorder.connection.flush();
	});
	recorder.connection.flush();
}

function connectNode(recorder: Http2Recorder): http2.ClientHttp2Session {
	const [ours, theirs] = duplexPair();
	attach(recorder, ours);
	return http2.connect("http://test", { createConnection: () => theirs });
}

test("a client of Node gets heads, 1xx, bodies and trailers of any size from our server", async () => {
	const server = new Http2Recorder("server");
	const large = Buffer.alloc(3_000_000, "x");
	server.onRequest = (stream, head) => {
		const { connection } = server;
		if (head.path === "/early") connection.sendHead(stream, 103, ["link", "</style>"], false);
		if (head.path === "/empty") {
			connection.sendHead(stream, 204, ["server", "test"], true);
			return;
		}
		connection.sendHead(stream, 200, ["content-type", "text/plain"], false);
		connection.sendData(stream, head.path === "/large" ? large : Buffer.from("hello"), false);
		connection.sendTrailers(stream, ["grpc-status", "0"]);
	};
	const session = connectNode(server);
	const ask = async (path: string) => {
		const request = session.request({ ":path": path, "x-one": "1", cookie: ["a=1", "b=2"] });
		const early: number[] = [];
		request.on("headers", (headers) => early.push(headers[":status"] as number));
		let trailers: http2.IncomingHttpHeaders = {};
		request.on("trailers", (fields) => {
			trailers = fields;
		});
		let status = 0;
		request.on("response", (headers) => {
			status = headers[":status"] ?? 0;
		});
		let bytes = 0;
		request.on("data", (data: Buffer) => {
			bytes += data.length;
		});
		request.end();
		await once(request, "close");
		return { status, early, bytes, grpc: trailers["grpc-status"] };
	};
	const small = { status: 200, early: [], bytes: 5, grpc: "0" };
	const answers = await Promise.all([ask("/"), ask("/early"), ask("/empty"), ask("/large"), ask("/")]);
	assert.deepEqual(answers, [
		small,
		{ ...small, early: [103] },
		{ status: 204, early: [], bytes: 0, grpc: undefined },
		{ ...small, bytes: large.length },
		small,
	]);
	assert.deepEqual(server.streams.get(1)?.head, {
		pseudo: "GET http test:80 /",
		fields: ["x-one", "1", "cookie", "a=1; b=2"],
	});
	assert.equal(server.connection.activeStreams, 0);
	assert.equal(server.connection.pendingBytes, 0);
	session.close();
});

test("our server takes large uploads of a client of Node, and answers in the middle", async () => {
	const server = new Http2Recorder("server", { streamWindowBytes: 70_000, connectionWindowBytes: 70_000 });
	const session = connectNode(server);
	server.onRequest = (stream) => server.connection.sendHead(stream, 200, [], false);
	const request = session.request({ ":method": "POST", ":path": "/up" });
	request.end(Buffer.alloc(1_000_000, "y"));
	await once(request, "response");
	while (server.streams.get(1)?.end === undefined) await new Promise(setImmediate);
	assert.equal(server.streams.get(1)?.body.length, 1_000_000);
	server.connection.sendData(server.open.get(1)!, Buffer.from("done"), true);
	server.connection.flush();
	let text = "";
	request.on("data", (data: Buffer) => {
		text += data.toString();
	});
	await once(request, "close");
	assert.equal(text, "done");
	session.close();
});

test("our client talks with a server of Node: bodies, trailers, 1xx, resets", async (t) => {
	const node = http2.createServer();
	node.on("stream", (stream: http2.ServerHttp2Stream, headers) => {
		stream.on("error", () => undefined);
		if (headers[":path"] === "/reset") {
			stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
			return;
		}
		if (headers[":path"] === "/early") stream.additionalHeaders({ ":status": 103 });
		stream.respond({ ":status": 200, "x-method": headers[":method"]! }, { waitForTrailers: true });
		stream.on("wantTrailers", () => stream.sendTrailers({ "x-end": "yes" }));
		stream.pipe(stream);
	});
	node.listen(0, "127.0.0.1");
	await once(node, "listening");
	const ours = connect((node.address() as AddressInfo).port, "127.0.0.1");
	t.after(() => {
		ours.destroy();
		node.close();
	});
	const client = new Http2Recorder("client");
	attach(client, ours);
	const open = (method: string, path: string, endStream: boolean): Http2Stream<StreamTranscript> => {
		const transcript: StreamTranscript = { informational: [], body: "" };
		const stream = client.connection.openStream(
			transcript,
			method,
			"http",
			"h",
			path,
			undefined,
			["x-a", "b"],
			endStream,
		);
		client.streams.set(stream.id, transcript);
		return stream;
	};
	const large = Buffer.alloc(2_000_000, "z");
	const echo = open("POST", "/", false);
	client.connection.sendData(echo, large, true);
	const early = open("GET", "/early", true);
	const reset = open("GET", "/reset", true);
	client.connection.flush();
	const done = (stream: Http2Stream<StreamTranscript>): string | undefined => client.streams.get(stream.id)?.end;
	while ([echo, early, reset].some((stream) => done(stream) === undefined)) await new Promise(setImmediate);
	assert.equal(stream(echo).body.length, large.length);
	assert.deepEqual(stream(echo).trailers, ["x-end", "yes"]);
	assert.equal(stream(echo).head?.pseudo, "200");
	assert.deepEqual(stream(early).informational, [103]);
	assert.equal(done(reset), "reset 11");
	assert.equal(client.connection.activeStreams, 0);

	function stream(of: Http2Stream<StreamTranscript>): StreamTranscript {
		return client.streams.get(of.id)!;
	}
});
