import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { acceptHandles, findStreamHandles, HandleSocket, openSystemCalls, type StreamHandles } from "./index.ts";

const handles = findStreamHandles() as StreamHandles;

test("what is held until the end leaves with it, in one segment", async (t) => {
	const { socket, client } = await openPair(t);
	const before = segmentsOf(client);
	socket.holdUntil("end");
	for (const text of ["a", "b", "c"]) socket.write(text, "latin1");
	socket.end();
	let heard = "";
	client.on("data", (bytes) => (heard += bytes));
	await once(client, "end");
	assert.equal(heard, "abc");
	assert.equal(segmentsOf(client) - before, 1);
});

test("what is held until the next write leaves with it, and what follows is not held", async (t) => {
	const { socket, client } = await openPair(t);
	socket.holdUntil("write");
	socket.write("a", "latin1");
	assert.equal(String((await once(client, "data"))[0]), "a");
	const before = segmentsOf(client);
	socket.write("b", "latin1");
	await once(client, "data");
	socket.write("c", "latin1");
	await once(client, "data");
	assert.equal(segmentsOf(client) - before, 2);
});

test("what is held leaves when the socket is closed without an end", async (t) => {
	const { socket, client } = await openPair(t);
	socket.holdUntil("end");
	socket.write("the end", "latin1");
	socket.destroy();
	assert.equal((await client.setEncoding("latin1").toArray()).join(""), "the end");
});

/** TCP_INFO: segments that have come in (`tcpi_segs_in`). */
function segmentsOf(client: Socket): number {
	const opened = openSystemCalls();
	assert.ok(opened.ok);
	const { fd } = (client as unknown as { readonly _handle: { readonly fd: number } })._handle;
	return opened.calls.getOption(fd, 6, 11, 144)!.readUInt32LE(140);
}

async function openPair(t: TestContext): Promise<{ socket: HandleSocket; client: Socket }> {
	const server = createServer();
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const accepted = new Promise<HandleSocket>((resolve, reject) => {
		const accept = (handle: ConstructorParameters<typeof HandleSocket>[1]) =>
			resolve(new HandleSocket(handles, handle, { allowHalfOpen: true, highWaterMark: 16 * 1024 }));
		assert.equal(acceptHandles(server, true, accept, reject), true);
	});
	const { port } = server.address() as { readonly port: number };
	const client = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
	const [socket] = await Promise.all([accepted, once(client, "connect")]);
	t.after(() => {
		client.destroy();
		socket.destroy();
		server.close();
	});
	return { socket, client };
}
