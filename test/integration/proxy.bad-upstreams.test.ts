/** What an HTTP/2 upstream can send against the protocol ends in a bounded answer, and leaves nothing behind. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { block, frame } from "../support/http2-recorder.ts";
import { answerRequests, ok, openClient, startRawServer } from "../support/raw-client.ts";
import { type RawHttp2Call, startRawHttp2Upstream } from "../support/raw-http2-upstream.ts";
import { cluster, type RunningProxy, route, startProxy } from "../support/running-proxy.ts";

const protocolOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const http2 = {
	typed_extension_protocol_options: {
		[protocolOptions]: {
			"@type": `type.googleapis.com/${protocolOptions}`,
			explicit_http_config: { http2_protocol_options: {} },
		},
	},
};

/** A head of 200, or of what the fields say. */
const head = (streamId: number, fields: Readonly<Record<string, string>> = {}, flags = 4): Buffer =>
	frame(1, flags, streamId, block(...Object.entries({ ":status": "200", ...fields })));
const many = (bytes: Buffer, times: number): Buffer => Buffer.concat(Array.from({ length: times }, () => bytes));
const number32 = (value: number): Buffer => {
	const bytes = Buffer.alloc(4);
	bytes.writeUInt32BE(value);
	return bytes;
};

/** A proxy before the upstream at `/bad`, and before a good one at every other path. */
async function startBefore(t: TestContext, answer: (call: RawHttp2Call) => void, settings?: Buffer) {
	const bad = await startRawHttp2Upstream(t, answer, settings);
	const good = await startRawServer(
		t,
		answerRequests(() => ok("good")),
	);
	const proxy = await startProxy(t, {
		routes: [route("/bad", "bad", { timeout: "30s" }), route("/", "good")],
		clusters: [cluster("bad", [bad.port], http2), cluster("good", [good.port])],
	});
	return { proxy, bad };
}

/** Nothing of the upstream is held any more, and others are served. */
async function assertCalm(t: TestContext, proxy: RunningProxy): Promise<void> {
	await eventually(async () => {
		assert.equal(await proxy.stat("cluster.bad.upstream_cx_active"), 0);
		assert.equal(await proxy.stat("cluster.bad.upstream_rq_active"), 0);
		assert.equal(await proxy.stat("cluster.bad.http2.streams_active"), 0);
		assert.equal(await proxy.stat("cluster.bad.http2.pending_send_bytes"), 0);
		assert.equal(await proxy.stat("http.in.downstream_rq_active"), 0);
	});
	const client = await openClient(t, proxy.port());
	client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n");
	assert.equal((await client.response()).body, "good");
}

const splitting = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";

for (const [name, method, fields] of [
	["204", "GET", { ":status": "204" }],
	["304", "GET", { ":status": "304" }],
	["an answer to HEAD", "HEAD", {}],
	["an answer to HEAD that says how long it is", "HEAD", { "content-length": String(splitting.length) }],
] as const) {
	test(`a body behind ${name} does not become the client's next answer`, async (t) => {
		const { proxy, bad } = await startBefore(t, ({ streamId, send }) => {
			send(head(streamId, fields), frame(0, 1, streamId, splitting));
		});
		const client = await openClient(t, proxy.port());
		client.send(`${method} /bad HTTP/1.1\r\nhost: h\r\n\r\nGET / HTTP/1.1\r\nhost: h\r\n\r\n`);
		await client.response(false);
		await client.closed();
		assert.equal(client.buffered, "");
		for (const socket of bad.sockets) socket.destroy();
		await assertCalm(t, proxy);
	});
}

test("a 204 that announces a body is refused", async (t) => {
	const { proxy } = await startBefore(t, ({ streamId, send }) => {
		send(head(streamId, { ":status": "204", "content-length": "4" }), frame(0, 1, streamId, "evil"));
	});
	const client = await openClient(t, proxy.port());
	client.send("GET /bad HTTP/1.1\r\nhost: h\r\n\r\n");
	assert.equal((await client.response()).status, 502);
});

const floods: Readonly<Record<string, (streamId: number) => readonly Buffer[]>> = {
	settings: () => [many(frame(4, 0, 0), 500)],
	"windows that open and shut": () => [
		many(Buffer.concat([frame(4, 0, 0, "\0\x04\x7f\xff\xff\xff"), frame(4, 0, 0, "\0\x04\0\0\0\0")]), 200),
	],
	pings: () => [many(frame(6, 0, 0, "12345678"), 500)],
	"windows of the connection": () => [many(frame(8, 0, 0, number32(1)), 500)],
	"windows of the stream": (id) => [many(frame(8, 0, id, number32(1)), 500)],
	priorities: (id) => [many(frame(2, 0, id, "\0\0\0\0\x10"), 500)],
	"continued headers": (id) => [
		many(frame(9, 0, id, block(["x-a", "b".repeat(100)])), 100),
		frame(1, 0, id, block([":status", "200"])),
	],
	"continued nothing": (id) => [many(frame(9, 0, id), 100), frame(1, 0, id, block([":status", "200"]))],
};

for (const [name, frames] of Object.entries(floods)) {
	test(`an upstream that floods with ${name} is cut off`, async (t) => {
		const { proxy } = await startBefore(t, ({ streamId, socket, send, flood }) => {
			// Who reads the answers pays for them.
			socket.pause();
			const [again, first] = frames(streamId);
			if (first !== undefined) send(first);
			void flood(again!, 20_000);
		});
		const client = await openClient(t, proxy.port());
		client.send("GET /bad HTTP/1.1\r\nhost: h\r\n\r\n");
		assert.equal((await client.response()).status, 502);
		await assertCalm(t, proxy);
	});
}
