import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { answerRequests, ok, openClient, startRawServer } from "../support/raw-client.ts";
import { cluster, route, startProxy } from "../support/running-proxy.ts";

const request = "GET / HTTP/1.1\r\nhost: h\r\n\r\n";

test("requests behind one that is not answered are read no further than a small buffer", async (t) => {
	let seen = 0;
	const answered = 50;
	const backend = await startRawServer(
		t,
		answerRequests(() => (++seen > answered ? undefined : ok("x"))),
	);
	const proxy = await startProxy(t, { clusters: [cluster("backend", [backend.port])] });
	const client = await openClient(t, proxy.port());
	client.send(request.repeat(200_000));
	await eventually(() => assert.equal(seen, answered + 1));
	const taken = await proxy.stat("http.in.downstream_cx_rx_bytes_total");
	assert.ok(taken < 512 * 1024, `${taken} bytes were read for ${seen} requests`);
});

test("answers that the client does not read hold back the requests behind them, and none is lost", async (t) => {
	const body = "y".repeat(4096);
	const proxy = await startProxy(t, {
		routes: [{ match: { prefix: "/" }, direct_response: { status: 200, body: { inline_string: body } } }],
	});
	const client = await openClient(t, proxy.port());
	client.socket.pause();
	const total = 20_000;
	client.send(request.repeat(total));
	// Two looks with the same number: the proxy waits.
	let before = -1;
	await eventually(async () => {
		const now = await proxy.stat("http.in.downstream_rq_total");
		const isSame = now === before;
		before = now;
		assert.ok(now > 0 && isSame);
	});
	assert.ok(before < total / 2, `${before} requests were answered into the void`);
	client.socket.resume();
	for (let index = 0; index < total; index++) assert.equal((await client.response()).body.length, body.length);
});

test("an answer of many megabytes for a slow reader waits in the backend", async (t) => {
	const size = 64 * 1024 * 1024;
	let sent = 0;
	const piece = Buffer.alloc(64 * 1024);
	const backend = await startRawServer(t, (socket) => {
		socket.once("data", () => {
			socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`);
			const pump = (): void => {
				while (sent < size) {
					sent += piece.length;
					if (!socket.write(piece)) {
						socket.once("drain", pump);
						return;
					}
				}
			};
			pump();
		});
	});
	const proxy = await startProxy(t, {
		routes: [route("/", "backend")],
		clusters: [cluster("backend", [backend.port])],
	});
	const client = await openClient(t, proxy.port());
	client.socket.pause();
	client.send(request);
	let before = -1;
	await eventually(async () => {
		const now = await proxy.stat("cluster.backend.upstream_cx_rx_bytes_total");
		const isSame = now === before;
		before = now;
		assert.ok(now > 0 && isSame);
	});
	assert.ok(before < size / 2, `${before} bytes were taken from the backend`);
});
