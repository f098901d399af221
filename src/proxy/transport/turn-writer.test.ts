import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { TurnQueue } from "../../core/index.ts";
import { TurnWriter } from "./turn-writer.ts";

/** A connection whose writes are counted, and what its peer has read when it ended. */
async function openPair(t: TestContext) {
	const server = createServer();
	t.after(() => server.close());
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as { port: number };
	const accepted = once(server, "connection") as Promise<[Socket]>;
	const socket = connect(port, "127.0.0.1");
	const [peer] = await accepted;
	t.after(() => {
		socket.destroy();
		peer.destroy();
	});
	const writes: number[] = [];
	const write = socket.write.bind(socket);
	socket.write = ((chunk: string | Buffer, ...rest: never[]) => {
		writes.push(chunk.length);
		return write(chunk, ...rest);
	}) as typeof socket.write;
	const chunks: Buffer[] = [];
	peer.on("data", (chunk: Buffer) => chunks.push(chunk));
	const received = once(peer, "end").then(() => Buffer.concat(chunks).toString("latin1"));
	return { socket, writes, received };
}

test("texts of one turn leave in one write, in their order", async (t) => {
	const { socket, writes, received } = await openPair(t);
	const writer = new TurnWriter(socket, new TurnQueue(), 64 * 1024);
	writer.write("one ");
	writer.write("two ");
	writer.writeAround("(", Buffer.from("three"), ")", false);
	assert.deepEqual([writes, writer.unsentBytes], [[], 15]);
	await new Promise(setImmediate);
	assert.deepEqual(writes, [15]);
	writer.write("four");
	writer.flush();
	socket.end();
	assert.equal(await received, "one two (three)four");
	assert.deepEqual(writes, [15, 4]);
});

test("long bodies and long texts leave at once, behind what waited", async (t) => {
	const { socket, writes, received } = await openPair(t);
	const writer = new TurnWriter(socket, new TurnQueue(), 64 * 1024);
	const body = Buffer.alloc(10_000, "b");
	writer.write("head ");
	writer.writeAround("<", body, ">", false);
	// The caller uses its buffer again.
	body.fill("x");
	assert.deepEqual(writes, [6, 10_000, 1]);
	writer.write("t".repeat(20_000));
	assert.deepEqual(writes.slice(3), [20_000]);
	socket.end();
	assert.equal(await received, `head <${"b".repeat(10_000)}>${"t".repeat(20_000)}`);
});

test("who writes more than the bound is asked to wait", async (t) => {
	const { socket } = await openPair(t);
	const writer = new TurnWriter(socket, new TurnQueue(), 256 * 1024);
	const body = Buffer.alloc(64 * 1024);
	let written = 0;
	while (writer.writeAround("", body, "", false)) written += body.length;
	assert.ok(writer.unsentBytes >= 256 * 1024, `${writer.unsentBytes} of ${written} bytes`);
});

test("text for a connection that is gone goes nowhere", async (t) => {
	const { socket, writes } = await openPair(t);
	const writer = new TurnWriter(socket, new TurnQueue(), 64 * 1024);
	writer.write("late");
	socket.destroy();
	await new Promise(setImmediate);
	assert.deepEqual(writes, []);
});

test("a view may be used again after the call, short or long, and keeps its place", async (t) => {
	const { socket, received } = await openPair(t);
	const writer = new TurnWriter(socket, new TurnQueue(), 64 * 1024);
	const view = Buffer.alloc(100_000);
	for (const [fill, length] of [
		["a", 3],
		["b", 100_000],
		["c", 2],
	] as const) {
		writer.writeView(view.fill(fill).subarray(0, length));
	}
	view.fill("x");
	writer.flush();
	socket.end();
	assert.equal(await received, `aaa${"b".repeat(100_000)}cc`);
});
