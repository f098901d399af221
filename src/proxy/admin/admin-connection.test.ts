import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { createFakeAdminState } from "../../../test/support/admin-state.ts";
import { createExampleBootstrap } from "../../../test/support/envoy-example.ts";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { createAdmin } from "./index.ts";

async function open(t: TestContext): Promise<{ socket: Socket; readAll: () => Promise<string> }> {
	const state = createFakeAdminState(createExampleBootstrap());
	const admin = createAdmin({
		state,
		clock: createFakeClock(),
		address: { kind: "socket", address: "127.0.0.1", port: 0 },
	});
	t.after(() => admin.close());
	const address = await admin.start();
	assert.ok(address.kind === "socket");
	const socket = connect({ port: address.port, host: "127.0.0.1", allowHalfOpen: true });
	t.after(() => socket.destroy());
	await once(socket, "connect");
	let text = "";
	socket.setEncoding("latin1").on("data", (piece: string) => {
		text += piece;
	});
	const ended = once(socket, "end");
	return {
		socket,
		async readAll() {
			await ended;
			return text;
		},
	};
}

const live = "5\r\nLIVE\n\r\n0\r\n\r\n";

test("requests that came at once are answered one after the other, and the last one's close ends the connection", async (t) => {
	const { socket, readAll } = await open(t);
	socket.write(
		"GET /ready HTTP/1.1\r\nhost: a\r\n\r\nPOST /runtime_modify?a=1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n",
	);
	socket.write("b=2GET /ready HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
	const answers = (await readAll()).split(/(?=HTTP\/1\.1 )/);
	assert.equal(answers.length, 3);
	assert.ok(answers[0]!.endsWith(live));
	assert.doesNotMatch(answers[0]!, /connection:/);
	assert.match(answers[1]!, /\r\n3\r\nOK\n\r\n0\r\n\r\n$/);
	assert.ok(answers[2]!.endsWith(live));
	assert.match(answers[2]!, /\r\nconnection: close\r\n/);
});

test("a client that sends nothing more has its answer", async (t) => {
	const { socket, readAll } = await open(t);
	socket.end("GET /ready HTTP/1.1\r\nhost: a\r\n\r\n");
	assert.ok((await readAll()).endsWith(live));
});

test("HTTP/1.0 and a request without a host are refused, and the connection ends", async (t) => {
	for (const [request, status] of [
		["GET /ready HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n", "426 Upgrade Required"],
		["GET /ready HTTP/1.1\r\n\r\n", "400 Bad Request"],
	]) {
		const { socket, readAll } = await open(t);
		socket.write(request!);
		const answer = await readAll();
		assert.ok(answer.startsWith(`HTTP/1.1 ${status}\r\ncontent-length: `), answer);
		assert.match(answer, /\r\nconnection: close\r\n/);
	}
});

test("HEAD has the head alone", async (t) => {
	const { socket, readAll } = await open(t);
	socket.write("HEAD /ready HTTP/1.1\r\nhost: a\r\n\r\nGET /ready HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
	const answers = (await readAll()).split(/(?=HTTP\/1\.1 )/);
	assert.equal(answers.length, 2);
	assert.ok(answers[0]!.endsWith("\r\n\r\n"));
	assert.doesNotMatch(answers[0]!, /LIVE/);
});

test("a body that waits to be asked for is asked for", async (t) => {
	const { socket, readAll } = await open(t);
	socket.write(
		"POST /runtime_modify?a=1 HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: 3\r\n\r\n",
	);
	const [first] = (await once(socket, "data")) as [string];
	assert.equal(first, "HTTP/1.1 100 Continue\r\n\r\n");
	socket.write("b=2");
	assert.match(await readAll(), /HTTP\/1\.1 200 OK\r\n/);
});

test("a change of protocol is passed over", async (t) => {
	const { socket, readAll } = await open(t);
	socket.write("GET /ready HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
	assert.ok((await readAll()).endsWith(live));
});

for (const [what, bytes] of [
	["is no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x01\x02\x03\x04\x05\x06\x07\x08"],
	["has two lengths", "GET /ready HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n"],
	["is longer than a head may be", `GET /ready HTTP/1.1\r\na: ${"x".repeat(100_000)}\r\n\r\n`],
] as const) {
	test(`what ${what} is answered with 400 and the end of the connection`, async (t) => {
		const { socket, readAll } = await open(t);
		socket.on("error", () => undefined);
		socket.write(Buffer.from(bytes, "latin1"));
		assert.match(await readAll(), /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*\r\n\r\nBad Request$/);
	});
}
