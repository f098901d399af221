import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect as connectNode, createServer, type Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
	acceptHandles,
	connectHandle,
	descriptorOf,
	findStreamHandles,
	HandleSocket,
	type SocketHandle,
	type StreamHandles,
	type StreamSocket,
	sharedReadBuffer,
} from "./index.ts";

/** How the two kinds of sockets come to be. */
interface Kind {
	readonly name: string;
	/** Makes the accepted socket of a server's handle. */
	accept(handle: SocketHandle, highWaterMark: number): StreamSocket;
	connect(port: number, onBytes: (bytes: Buffer) => void): StreamSocket;
}

const handles = findStreamHandles() as StreamHandles;

const kinds: readonly Kind[] = [
	{
		name: "handle sockets",
		accept: (handle, highWaterMark) => new HandleSocket(handles, handle, { allowHalfOpen: true, highWaterMark }),
		connect: (port, onBytes) =>
			connectHandle(handles, {
				target: { ip: "127.0.0.1", port },
				bindIp: undefined,
				keepAliveSeconds: 60,
				allowHalfOpen: false,
				onBytes: (bytes) => onBytes(sharedReadBuffer.subarray(0, bytes)),
			}),
	},
	{
		name: "Node's sockets",
		accept: (handle, highWaterMark) =>
			new Socket({
				...{ handle, allowHalfOpen: true, pauseOnCreate: true, readable: true, writable: true },
				...{ readableHighWaterMark: highWaterMark, writableHighWaterMark: highWaterMark },
			} as unknown as ConstructorParameters<typeof Socket>[0]),
		connect: (port, onBytes) =>
			connectNode({
				host: "127.0.0.1",
				port,
				onread: {
					buffer: sharedReadBuffer,
					callback(bytes) {
						onBytes(sharedReadBuffer.subarray(0, bytes));
						return true;
					},
				},
			}),
	},
];

for (const kind of kinds) {
	const { name } = kind;

	test(`${name}: accepted ones are paused, read what comes and tell the end`, async (t) => {
		const { client, socket } = await openPair(t, kind);
		assert.equal(socket.isPaused(), true);
		client.end("hello");
		const events = record(socket);
		socket.resume();
		await events.until("end");
		assert.deepEqual(events.list, ["data hello", "end"]);
		assert.equal(socket.bytesRead, 5);
		assert.equal(socket.readableEnded, true);
		assert.equal(socket.destroyed, false);
	});

	test(`${name}: bytes that were put back come first, while the socket is paused nothing comes`, async (t) => {
		const { client, socket } = await openPair(t, kind);
		client.write("second");
		socket.unshift(Buffer.from("first"));
		assert.equal(socket.readableLength, 5);
		const events = record(socket);
		socket.resume();
		await events.until("data second");
		assert.deepEqual(events.list, ["data first", "data second"]);
		socket.pause();
		client.end("third");
		await new Promise((resolve) => setImmediate(resolve));
		assert.equal(events.list.length, 2);
		socket.resume();
		await events.until("end");
		assert.deepEqual(events.list.slice(2), ["data third", "end"]);
	});

	test(`${name}: what is corked leaves in order, text and bytes`, async (t) => {
		const { client, socket } = await openPair(t, kind);
		const text = collect(client);
		socket.cork();
		socket.write("one ", "latin1");
		socket.write(Buffer.from("two "));
		socket.write("thr\u00e9e", "latin1");
		socket.uncork();
		socket.end();
		assert.equal((await text).toString("latin1"), "one two thr\u00e9e");
		assert.equal(socket.bytesWritten, 13);
	});

	test(`${name}: a slow reader makes write say false, and drain comes when everything has left`, async (t) => {
		const { client, socket } = await openPair(t, kind);
		client.pause();
		const block = Buffer.alloc(1024 * 1024, "b");
		let written = 0;
		let left = 0;
		while (socket.write(block, () => left++)) written++;
		written++;
		assert.equal(socket.writableNeedDrain, true);
		assert.ok(socket.writableLength > 0);
		assert.ok(left < written);
		const drained = new Promise<void>((resolve) => void socket.on("drain", resolve));
		const bytes = collect(client);
		client.resume();
		await drained;
		assert.equal(socket.writableLength, 0);
		assert.equal(socket.writableNeedDrain, false);
		socket.end();
		assert.equal((await bytes).length, written * block.length);
		assert.equal(left, written);
	});

	test(`${name}: drain comes for what was kept back and then left at once`, async (t) => {
		const { client, socket } = await openPair(t, kind);
		client.resume();
		socket.cork();
		// More than the mark, less than the system takes in one go.
		assert.equal(socket.write(Buffer.alloc(128 * 1024, "b")), false);
		const drained = new Promise<void>((resolve) => void socket.on("drain", resolve));
		socket.uncork();
		await drained;
		assert.equal(socket.writableNeedDrain, false);
		socket.end();
	});

	test(`${name}: done is never called before write returned`, async (t) => {
		const { client, socket } = await openPair(t, kind);
		client.resume();
		let isBack = false;
		const called = new Promise<boolean>((resolve) => {
			socket.write(Buffer.from("x"), () => resolve(isBack));
			isBack = true;
		});
		assert.equal(await called, true);
	});

	test(`${name}: a half-open socket still writes behind its client's end, and closes behind its own`, async (t) => {
		const { client, socket } = await openPair(t, kind);
		const answer = collect(client);
		const events = record(socket);
		client.end("question");
		socket.resume();
		await events.until("end");
		socket.write("answer", "latin1");
		socket.end();
		assert.equal((await answer).toString(), "answer");
		await events.until("close");
		assert.equal(socket.destroyed, true);
	});

	test(`${name}: a reset is an error, then the close`, async (t) => {
		const { client, socket } = await openPair(t, kind);
		const events = record(socket);
		socket.resume();
		client.resetAndDestroy();
		await events.until("close");
		assert.deepEqual(events.list, ["error ECONNRESET", "close"]);
	});

	test(`${name}: resetAndDestroy resets the peer`, async (t) => {
		const { client, socket } = await openPair(t, kind);
		const error = once(client, "error");
		client.resume();
		socket.resetAndDestroy();
		assert.equal((await error)[0].code, "ECONNRESET");
	});

	test(`${name}: destroySoon sends what was written, destroy does not wait`, async (t) => {
		const { client, socket } = await openPair(t, kind);
		const text = collect(client);
		const events = record(socket);
		socket.write("the end", "latin1");
		socket.destroySoon();
		assert.equal((await text).toString(), "the end");
		await events.until("close");
		const other = await openPair(t, kind);
		const otherEvents = record(other.socket);
		other.socket.destroy(Object.assign(new Error("why"), { code: "EWHY" }));
		assert.equal(other.socket.destroyed, true);
		assert.equal(other.socket.write("more", "latin1"), false);
		await otherEvents.until("close");
		assert.deepEqual(otherEvents.list, ["error EWHY", "close"]);
	});

	test(`${name}: listeners that were taken off are not called, those for once only once`, async (t) => {
		const { client, socket } = await openPair(t, kind);
		const seen: string[] = [];
		const removed = (): void => void seen.push("removed");
		const rest = record(socket);
		socket.on("data", removed);
		socket.off("data", removed);
		socket.once("data", (bytes) => seen.push(bytes.toString()));
		socket.resume();
		client.write("a");
		await rest.until("data a");
		client.end("b");
		await rest.until("end");
		assert.deepEqual(seen, ["a"]);
	});

	test(`${name}: a connection is opened, sends what was written before, and closes with its peer`, async (t) => {
		const server = createServer((peer) => void peer.on("data", (bytes) => peer.end(bytes)));
		const port = await listen(t, server);
		const got: string[] = [];
		const socket = kind.connect(port, (bytes) => got.push(bytes.toString()));
		const events = record(socket);
		socket.write("early", "latin1");
		await events.until("close");
		assert.deepEqual(events.list, ["connect", "end", "close"]);
		assert.equal(got.join(""), "early");
	});

	test(`${name}: a refused connection is an error with its code`, async (t) => {
		const server = createServer();
		const port = await listen(t, server);
		server.close();
		await once(server, "close");
		const events = record(kind.connect(port, () => undefined));
		await events.until("close");
		assert.deepEqual(events.list, ["error ECONNREFUSED", "close"]);
	});
}

test("a handle socket knows its two addresses and its descriptor, until it is closed", async (t) => {
	const { client, socket } = await openPair(t, kinds[0]!);
	assert.equal(socket.remoteAddress, "127.0.0.1");
	assert.equal(socket.remotePort, client.localPort);
	assert.equal(socket.localAddress, "127.0.0.1");
	assert.equal(socket.localPort, client.remotePort);
	assert.ok(descriptorOf(socket)! > 2);
	socket.destroy();
	assert.equal(descriptorOf(socket), undefined);
	assert.equal(socket.remoteAddress, undefined);
});

test("handles connect and accept on unix sockets", async (t) => {
	const folder = mkdtempSync(join(tmpdir(), "amime-handles-"));
	t.after(() => rmSync(folder, { recursive: true, force: true }));
	const path = join(folder, "socket");
	const server = createServer();
	server.listen(path);
	await once(server, "listening");
	t.after(() => server.close());
	const accepted = new Promise<HandleSocket>((resolve, reject) => {
		const onHandle = (handle: SocketHandle): void =>
			resolve(new HandleSocket(handles, handle, { allowHalfOpen: true, highWaterMark: 1024 }));
		assert.equal(acceptHandles(server, false, onHandle, reject), true);
	});
	const target = { path };
	const options = { target, bindIp: undefined, keepAliveSeconds: undefined, allowHalfOpen: false };
	const got: string[] = [];
	const client = connectHandle(handles, {
		...options,
		onBytes: (bytes) => got.push(sharedReadBuffer.toString("latin1", 0, bytes)),
	});
	const socket = await accepted;
	socket.write("by path", "latin1");
	socket.destroySoon();
	await record(client).until("close");
	assert.deepEqual(got, ["by path"]);
});

/** A connection whose server side is of the kind. */
async function openPair(
	t: TestContext,
	kind: Kind,
	highWaterMark = 16 * 1024,
): Promise<{ client: Socket; socket: StreamSocket }> {
	const server = createServer();
	const port = await listen(t, server);
	const accepted = new Promise<StreamSocket>((resolve, reject) => {
		assert.equal(
			acceptHandles(server, true, (handle) => resolve(kind.accept(handle, highWaterMark)), reject),
			true,
		);
	});
	const client = connectNode({ host: "127.0.0.1", port, allowHalfOpen: true });
	client.on("error", () => undefined);
	const [socket] = await Promise.all([accepted, once(client, "connect")]);
	t.after(() => {
		client.destroy();
		socket.destroy();
	});
	return { client, socket };
}

async function listen(t: TestContext, server: Server): Promise<number> {
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => server.close());
	return (server.address() as { readonly port: number }).port;
}

async function collect(client: Socket): Promise<Buffer> {
	const parts: Buffer[] = [];
	client.on("data", (bytes: Buffer) => parts.push(bytes));
	await once(client, "end");
	return Buffer.concat(parts);
}

/** The events of a socket in their order. */
function record(socket: StreamSocket): { readonly list: string[]; until(event: string): Promise<void> } {
	const list: string[] = [];
	let waiting: { readonly event: string; readonly resolve: () => void } | undefined;
	const add = (event: string): void => {
		list.push(event);
		if (waiting?.event === event) waiting.resolve();
	};
	socket.on("connect", () => add("connect"));
	socket.on("data", (bytes) => add(`data ${bytes}`));
	socket.on("end", () => add("end"));
	socket.on("error", (error) => add(`error ${(error as NodeJS.ErrnoException).code}`));
	socket.on("close", () => add("close"));
	return {
		list,
		until: (event) =>
			list.includes(event)
				? Promise.resolve()
				: new Promise((resolve) => {
						waiting = { event, resolve };
					}),
	};
}
