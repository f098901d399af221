/** What an HTTP/2 client can send at no cost to itself ends in a bounded answer, and leaves nothing behind. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type TestContext, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { block, frame, getHead } from "../support/http2-recorder.ts";
import { answerRequests, ok, startRawServer } from "../support/raw-client.ts";
import { openRawHttp2, type RawHttp2Client, requestFrame } from "../support/raw-http2.ts";
import { cluster, type RunningProxy, startProxy, type TestBootstrap } from "../support/running-proxy.ts";

const answer = (body: string): TestBootstrap => ({
	routes: [{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: body } } }],
	manager: { delayed_close_timeout: "0.1s" },
});

/** Sends until the proxy closes the connection, and not for ever. */
async function sendUntilClosed(client: RawHttp2Client, frames: (round: number) => readonly Buffer[], rounds: number) {
	for (let round = 0; round < rounds && !client.closed; round++) {
		client.send(...frames(round));
		await new Promise((resolve) =>
			client.socket.writableNeedDrain ? client.socket.once("drain", resolve) : setImmediate(resolve),
		);
	}
	await eventually(() => assert.ok(client.closed));
}

/** The proxy holds nothing of the connection any more, and serves others. */
async function assertCalm(t: TestContext, proxy: RunningProxy): Promise<void> {
	await eventually(async () => {
		assert.equal(await proxy.stat("http.in.downstream_rq_active"), 0);
		assert.equal(await proxy.stat("http.in.downstream_cx_active"), 0);
		assert.equal(await proxy.stat("http2.streams_active"), 0);
		assert.equal(await proxy.stat("http2.pending_send_bytes"), 0);
	});
	const client = await openRawHttp2(t, proxy.port());
	client.send(requestFrame(1, true));
	await eventually(() => assert.match(client.see().streams["1"]?.[0] ?? "", /^HEADERS/));
}

test("a client that resets what it opens is cut off", async (t) => {
	const backend = await startRawServer(t, () => undefined);
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [backend.port])],
		routes: [
			{ match: { prefix: "/never" }, route: { cluster: "backend" } },
			{ match: { prefix: "/" }, direct_response: { status: 200 } },
		],
	});
	const client = await openRawHttp2(t, proxy.port());
	const reset = (id: number): Buffer[] => [
		requestFrame(id, true, { ":path": "/never" }),
		frame(3, 0, id, "\0\0\0\x08"),
	];
	await sendUntilClosed(client, (round) => reset(round * 2 + 1), 2000);
	assert.equal(await proxy.stat("http.in.downstream_rq_too_many_premature_resets"), 1);
	assert.ok((await proxy.stat("http.in.downstream_rq_total")) < 600);
	await assertCalm(t, proxy);
});

for (const [name, frames] of Object.entries({
	"a window beyond its bound": (id: number) => [
		requestFrame(id, true, { ":path": "/never" }),
		frame(8, 0, id, "\x7f\xff\xff\xff"),
	],
	"data behind the end": (id: number) => [requestFrame(id, true, { ":path": "/never" }), frame(0, 0, id, "x")],
	"more data than announced": (id: number) => [
		requestFrame(id, false, { ":path": "/never", ":method": "POST", "content-length": "1" }),
		frame(0, 0, id, "xx"),
	],
})) {
	test(`a client that has the proxy reset what it opens is cut off: ${name}`, async (t) => {
		const backend = await startRawServer(t, () => undefined);
		const proxy = await startProxy(t, {
			clusters: [cluster("backend", [backend.port])],
			routes: [
				{ match: { prefix: "/never" }, route: { cluster: "backend" } },
				{ match: { prefix: "/" }, direct_response: { status: 200 } },
			],
		});
		const client = await openRawHttp2(t, proxy.port());
		await sendUntilClosed(client, (round) => frames(round * 2 + 1), 2000);
		assert.equal(await proxy.stat("http.in.downstream_rq_too_many_premature_resets"), 1);
		assert.ok((await proxy.stat("http.in.downstream_rq_total")) < 600);
		await assertCalm(t, proxy);
	});
}

test("CONTINUATION frames without end are cut off", async (t) => {
	const proxy = await startProxy(t, answer("x"));
	const client = await openRawHttp2(t, proxy.port());
	client.send(frame(1, 1, 1, block(...getHead)));
	await sendUntilClosed(client, () => [frame(9, 0, 1, block(["x", "y".repeat(1000)]))], 1000);
	await assertCalm(t, proxy);
});

test("empty frames are cut off", async (t) => {
	const proxy = await startProxy(t, answer("x"));
	const client = await openRawHttp2(t, proxy.port());
	client.send(requestFrame(1, false, { ":method": "POST" }));
	await sendUntilClosed(client, () => [frame(0, 0, 1)], 100);
	assert.equal(await proxy.stat("http2.inbound_empty_frames_flood"), 1);
	await assertCalm(t, proxy);
});

for (const [name, bytes] of [
	["PING", frame(6, 0, 0, "abcdefgh")],
	["SETTINGS", frame(4, 0, 0)],
] as const) {
	test(`${name} frames whose answers are not read are cut off`, async (t) => {
		const proxy = await startProxy(t, answer("x"));
		const client = await openRawHttp2(t, proxy.port());
		client.socket.pause();
		const many = Buffer.concat(Array.from({ length: 1000 }, () => bytes));
		for (let round = 0; round < 3000 && (await proxy.stat("http2.outbound_control_flood")) === 0; round++) {
			client.send(many, many, many, many, many, many, many, many, many, many);
		}
		assert.equal(await proxy.stat("http2.outbound_control_flood"), 1);
		client.socket.destroy();
		await assertCalm(t, proxy);
	});
}

test("a header list that unfolds to megabytes is refused alone", async (t) => {
	const proxy = await startProxy(t, answer("x"));
	const client = await openRawHttp2(t, proxy.port());
	// A field of 1,900 octets enters the table; then one octet names it, 15,000 times.
	const value = Buffer.alloc(1900, "b");
	const length = [0x7f];
	let rest = value.length - 127;
	for (; rest >= 128; rest >>>= 7) length.push((rest & 127) | 128);
	length.push(rest);
	const field = Buffer.concat([Buffer.from([0x40, 1, 120]), Buffer.from(length), value]);
	client.send(frame(1, 5, 1, Buffer.concat([block(...getHead), field])));
	client.send(frame(1, 5, 3, Buffer.concat([block(...getHead), Buffer.alloc(15_000, 0xbe)])));
	client.send(requestFrame(5, true));
	await eventually(() => assert.deepEqual(client.see().streams["5"]?.at(-1), "DATA 1 END"));
	assert.deepEqual(client.see().streams["3"], ["RST 2"]);
	assert.equal(await proxy.stat("http2.header_list_size_too_large"), 1);
	client.socket.destroy();
	await assertCalm(t, proxy);
});

test("a reader whose window stays shut holds no more than a buffer, and its stream ends as idle", async (t) => {
	let sent = 0;
	const piece = Buffer.alloc(64 * 1024);
	const server = createServer((_request, response) => {
		const pump = (): void => {
			while (sent < 256 * 1024 * 1024) {
				sent += piece.length;
				if (!response.write(piece)) {
					response.once("drain", pump);
					return;
				}
			}
		};
		pump();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [(server.address() as { port: number }).port])],
		routes: [
			{ match: { path: "/large" }, route: { cluster: "backend", timeout: "0s" } },
			{ match: { prefix: "/" }, direct_response: { status: 200 } },
		],
		manager: { stream_idle_timeout: "1s" },
	});
	const client = await openRawHttp2(t, proxy.port());
	client.keeps = false;
	client.send(frame(4, 0, 0, "\0\x04\0\0\0\0"), requestFrame(1, true, { ":path": "/large" }));
	await eventually(async () => assert.ok((await proxy.stat("http2.pending_send_bytes")) > 0));
	await eventually(async () => assert.equal(await proxy.stat("http.in.downstream_rq_idle_timeout"), 1));
	assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes left the backend`);
	client.socket.destroy();
	await assertCalm(t, proxy);
});

test("answers that are complete and that nobody takes are given up", async (t) => {
	const { routes } = answer("x".repeat(4000));
	const proxy = await startProxy(t, { routes: routes!, manager: { stream_idle_timeout: "0.5s" } });
	const client = await openRawHttp2(t, proxy.port());
	client.send(frame(4, 0, 0, "\0\x04\0\0\0\x0a"));
	for (let id = 1; id < 40; id += 2) client.send(requestFrame(id, true));
	await eventually(async () => assert.equal(await proxy.stat("http2.pending_send_bytes"), 20 * 3990));
	client.send(frame(8, 0, 1, "\0\0\x10\0"));
	await eventually(async () => assert.equal(await proxy.stat("http2.tx_flush_timeout"), 19));
	assert.deepEqual(client.see().streams["1"], ["HEADERS", "DATA 10", "DATA 3990 END"]);
	assert.deepEqual(client.see().streams["3"], ["HEADERS", "DATA 10", "RST 2"]);
	client.socket.destroy();
	await assertCalm(t, proxy);
});

test("an upload that the upstream does not read is held back by the client's windows", async (t) => {
	const backend = await startRawServer(t, (socket) => socket.pause());
	const window = 256 * 1024;
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [backend.port], { per_connection_buffer_limit_bytes: 65_536 })],
		routes: [
			{ match: { path: "/up" }, route: { cluster: "backend", timeout: "0s" } },
			{ match: { prefix: "/" }, direct_response: { status: 200 } },
		],
		manager: {
			http2_protocol_options: { initial_stream_window_size: window, initial_connection_window_size: window },
		},
	});
	const client = await openRawHttp2(t, proxy.port());
	client.send(requestFrame(1, false, { ":method": "POST", ":path": "/up" }));
	const granted = (): number => client.granted(1);
	let sent = 0;
	const data = frame(0, 0, 1, Buffer.alloc(16_384));
	// As a client that keeps to its windows: it ends up with nothing to send.
	let quiet = 0;
	while (quiet < 20) {
		if (sent + 16_384 <= window + granted()) {
			client.send(data);
			sent += 16_384;
			quiet = 0;
		} else {
			quiet++;
		}
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
	assert.ok(sent < 16 * 1024 * 1024, `${sent} bytes were let in`);
	client.socket.destroy();
	await assertCalm(t, proxy);
});

test("what a client writes into fields cannot become lines of HTTP/1", async (t) => {
	const heads: string[] = [];
	const backend = await startRawServer(
		t,
		answerRequests((head) => {
			heads.push(head);
			return ok("x");
		}),
	);
	const proxy = await startProxy(t, {
		clusters: [cluster("backend", [backend.port])],
		manager: { http2_protocol_options: { override_stream_error_on_invalid_http_message: true } },
	});
	const client = await openRawHttp2(t, proxy.port());
	const attempts: Record<string, string>[] = [
		{ "x-a": "1\r\ncontent-length: 10" },
		{ "x-a\r\nevil": "1" },
		{ "x-a: 1\r\nevil": "1" },
		{ ":path": "/ HTTP/1.1\r\nevil: 1\r\n" },
		{ ":path": "/a b" },
		{ ":method": "GET /evil HTTP/1.1\r\nx:" },
		{ ":method": "G ET" },
		{ ":authority": "h\r\nevil: 1" },
		{ ":authority": "h/evil" },
		{ ":scheme": "http://evil/" },
		{ host: "evil\r\nx: 1" },
		{ "transfer-encoding": "chunked" },
		{ connection: "x-secret" },
		{ "x-a": "\n" },
		{ "x-a": "\0" },
		{ ":path": "http://evil/" },
	];
	attempts.forEach((fields, index) => {
		client.send(requestFrame(index * 2 + 1, true, fields));
	});
	const last = attempts.length * 2 + 1;
	client.send(requestFrame(last, true, { ":path": "/good" }));
	await eventually(() => assert.match(client.see().streams[String(last)]?.[0] ?? "", /^HEADERS/));
	const { streams } = client.see();
	for (let index = 0; index < attempts.length; index++) {
		assert.deepEqual(streams[String(index * 2 + 1)], ["RST 1"], JSON.stringify(attempts[index]));
	}
	assert.equal(heads.length, 1);
	assert.match(heads[0]!, /^GET \/good HTTP\/1\.1\r\n/);
	assert.doesNotMatch(heads[0]!, /evil/);
});
