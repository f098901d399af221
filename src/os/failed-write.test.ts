import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { Worker } from "node:worker_threads";
import { connectHandle, findStreamHandles, type StreamHandles, type StreamSocket, sharedReadBuffer } from "./index.ts";

const handles = findStreamHandles() as StreamHandles;
const more = Buffer.from("more");
const answer = "HTTP/1.1 413 Payload Too Large\r\ncontent-length: 0\r\n\r\n";

interface Pair {
	readonly socket: StreamSocket;
	readonly peer: Socket;
	/** What the socket read, and what ended it. */
	readonly seen: { text: string; error: string | undefined };
}

async function openPair(t: TestContext): Promise<Pair> {
	const server: Server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => server.close());
	const { socket, seen } = connectTo((server.address() as { port: number }).port);
	const connected = new Promise<void>((resolve) => socket.on("connect", resolve));
	const [peer] = (await once(server, "connection")) as [Socket];
	await connected;
	t.after(() => peer.destroy());
	return { socket, peer, seen };
}

function connectTo(port: number): Pick<Pair, "socket" | "seen"> {
	const seen: Pair["seen"] = { text: "", error: undefined };
	const socket = connectHandle(handles, {
		target: { ip: "127.0.0.1", port },
		bindIp: undefined,
		keepAliveSeconds: undefined,
		allowHalfOpen: false,
		onBytes: (bytes) => {
			seen.text += sharedReadBuffer.toString("latin1", 0, bytes);
		},
	});
	socket.on("error", (error) => {
		seen.error = (error as NodeJS.ErrnoException).syscall;
	});
	return { socket, seen };
}

const closeOf = (socket: StreamSocket): Promise<void> => new Promise((resolve) => socket.on("close", resolve));

/** The peer answers and breaks the connection, and neither has been read yet. */
function answerAndReset(peer: Socket): void {
	peer.write(answer);
	peer.resetAndDestroy();
}

const uploads: readonly (readonly [string, (socket: StreamSocket) => void])[] = [
	["a write", (socket) => socket.write(more)],
	[
		"writes of one turn",
		(socket) => {
			socket.cork();
			socket.write(more);
			socket.write(Buffer.from("and more"));
			socket.uncork();
		},
	],
	[
		"a write and our end",
		(socket) => {
			socket.write(more);
			socket.end();
		},
	],
];
for (const [name, upload] of uploads)
	test(`${name} that fails does not take the answer along that came before the reset`, async (t) => {
		const { socket, peer, seen } = await openPair(t);
		const closed = closeOf(socket);
		answerAndReset(peer);
		upload(socket);
		await closed;
		assert.deepEqual(seen, { text: answer, error: "write" });
		assert.equal(socket.write(more), false);
	});

test("a write in the turn of the connect, before anything is read, does neither", async (t) => {
	const state = new Int32Array(new SharedArrayBuffer(4));
	const peer = new Worker(
		`const { workerData: { answer, state }, parentPort } = require("node:worker_threads");
		const server = require("node:net").createServer((socket) => {
			Atomics.wait(state, 0, 0);
			socket.write(answer);
			socket.resetAndDestroy();
			Atomics.store(state, 0, 2);
			Atomics.notify(state, 0);
		});
		server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`,
		{ eval: true, workerData: { answer, state } },
	);
	t.after(() => peer.terminate());
	const [port] = (await once(peer, "message")) as [number];
	const { socket, seen } = connectTo(port);
	socket.on("connect", () => {
		Atomics.store(state, 0, 1);
		Atomics.notify(state, 0);
		Atomics.wait(state, 0, 1, 10_000);
		socket.write(more);
	});
	await closeOf(socket);
	assert.deepEqual(seen, { text: answer, error: "write" });
});

test("with nobody who reads, a write that fails ends the socket", async (t) => {
	const { socket, peer, seen } = await openPair(t);
	const closed = closeOf(socket);
	socket.pause();
	answerAndReset(peer);
	socket.write(more);
	assert.equal(socket.destroyed, true);
	await closed;
	assert.deepEqual(seen, { text: "", error: "write" });
});

test("who gives up after a write that failed need not wait for the peer's end", async (t) => {
	const { socket, peer, seen } = await openPair(t);
	const closed = closeOf(socket);
	answerAndReset(peer);
	socket.write(more);
	socket.destroySoon();
	assert.equal(socket.destroyed, true);
	await closed;
	assert.equal(seen.error, "write");
});
