import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createPlainServer, type Server } from "node:net";
import { type TestContext, test } from "node:test";
import { createSecureContext, createServer, type TlsOptions } from "node:tls";
import { createTestPki } from "../../test/support/pki.ts";
import { connectTls, findStreamHandles, type StreamHandles, sharedReadBuffer, type TlsHandshake } from "./index.ts";

const handles = findStreamHandles() as StreamHandles;
const pki = createTestPki();
const identity = pki.issue("server");

test("a client on a handle shakes hands, sends what was written before, and ends with its peer", async (t) => {
	const port = await startServer(t, { ALPNProtocols: ["h2"] });
	const client = open(port, { protocols: ["http/1.1", "h2"], serverName: "server.test" });
	client.socket.write("early", "latin1");
	assert.deepEqual(await client.events, ["connect", "end", "close"]);
	assert.equal(client.read(), "got early");
	assert.deepEqual(client.handshake(), { alpn: "h2", serverName: "server.test", version: "TLSv1.3", reused: false });
});

test("writes of one turn and of later ones leave in order, drain and done behind them, our end last", async (t) => {
	const received: string[] = [];
	const ended = Promise.withResolvers<void>();
	const server = createServer({ cert: identity.certificateChainPem, key: identity.privateKeyPem }, (socket) => {
		socket.on("data", (bytes) => received.push(String(bytes)));
		socket.on("end", () => ended.resolve());
		socket.on("error", () => undefined);
	});
	const { socket } = open(await listen(t, server), {});
	await new Promise<void>((resolve) => socket.once("connect", resolve));
	const big = "x".repeat(300_000);
	for (const text of ["a", "b", "c"]) socket.write(text, "latin1");
	await new Promise((resolve) => setImmediate(resolve));
	socket.write("d", "latin1");
	await new Promise<void>((resolve) => socket.write(Buffer.from("e"), resolve));
	await new Promise<void>((resolve) => {
		socket.once("drain", resolve);
		assert.equal(socket.write(Buffer.from("f")), true, "what has left does not count");
		assert.equal(socket.write(Buffer.from(big)), false);
	});
	socket.write("g", "latin1");
	socket.end();
	await ended.promise;
	assert.equal(received.join(""), `abcdef${big}g`);
	socket.destroy();
});

test("a session is resumed", async (t) => {
	const port = await startServer(t, {});
	const sessions: Buffer[] = [];
	const first = open(port, { onSession: (session) => sessions.push(session) });
	first.socket.write("one", "latin1");
	await first.events;
	const second = open(port, { session: sessions.at(-1) });
	second.socket.write("two", "latin1");
	assert.deepEqual(await second.events, ["connect", "end", "close"]);
	assert.equal(second.handshake()?.reused, true);
});

test("a peer that is refused is never connected, and the reason is the error", async (t) => {
	const port = await startServer(t, {});
	const client = open(port, { refusal: new Error("not this one") });
	assert.deepEqual(await client.events, ["error not this one", "close"]);
	assert.equal(client.socket.destroyed, true);
});

test("a peer that speaks no TLS is a fault of the library", async (t) => {
	const server = createPlainServer((socket) => {
		socket.on("error", () => undefined);
		socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
	});
	const client = open(await listen(t, server), {});
	const [error, close] = await client.events;
	assert.match(error!, /^error .*wrong version number|^error .*packet length/i);
	assert.equal(close, "close");
});

test("a peer that leaves within the handshake, or was never there, is an error with its code", async (t) => {
	const server = createPlainServer((socket) => socket.destroy());
	const port = await listen(t, server);
	const left = open(port, {});
	assert.deepEqual((await left.events).at(-1), "close");
	assert.equal(left.code(), "ECONNRESET");
	server.close();
	await once(server, "close");
	const absent = open(port, {});
	await absent.events;
	assert.equal(absent.code(), "ECONNREFUSED");
});

test("what is sent before the handshake is plain text", async (t) => {
	const seen = new Promise<string>((resolve) => {
		const server = createPlainServer((socket) => {
			socket.on("error", () => undefined);
			socket.once("data", (bytes: Buffer) => {
				resolve(bytes.subarray(0, 5).toString("latin1"));
				socket.destroy();
			});
		});
		void listen(t, server).then((port) => open(port, { greeting: Buffer.from("PROXY") }));
	});
	assert.equal(await seen, "PROXY");
});

async function startServer(t: TestContext, options: TlsOptions): Promise<number> {
	const server = createServer(
		{ cert: identity.certificateChainPem, key: identity.privateKeyPem, ...options },
		(socket) => {
			socket.on("data", (bytes) => socket.end(`got ${bytes}`));
			socket.on("error", () => undefined);
		},
	);
	return await listen(t, server);
}

async function listen(t: TestContext, server: Server): Promise<number> {
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => server.close());
	return (server.address() as { readonly port: number }).port;
}

interface ClientOptions {
	readonly protocols?: readonly string[];
	readonly serverName?: string;
	readonly session?: Buffer | undefined;
	readonly greeting?: Buffer;
	readonly refusal?: Error;
	readonly onSession?: (session: Buffer) => void;
}

/** A client with what became of it. */
function open(port: number, options: ClientOptions) {
	let text = "";
	let facts: { alpn: string | false; serverName: string | false; version: string | null; reused: boolean } | undefined;
	let code: string | undefined;
	const list: string[] = [];
	const socket = connectTls(
		handles,
		{
			target: { ip: "127.0.0.1", port },
			...{ bindIp: undefined, keepAliveSeconds: undefined, allowHalfOpen: false },
			onBytes(bytes) {
				text += sharedReadBuffer.toString("latin1", 0, bytes);
			},
		},
		{
			context: createSecureContext({ ca: pki.bundlePem }),
			serverName: options.serverName ?? "",
			protocols: options.protocols ?? [],
			session: options.session,
			greeting: options.greeting,
		},
		{
			judge(handshake: TlsHandshake) {
				const { alpnProtocol, servername } = handshake;
				const [version, reused] = [handshake.getProtocol(), handshake.isSessionReused()];
				facts = { alpn: alpnProtocol, serverName: servername, version, reused };
				return options.refusal;
			},
			onSession: options.onSession,
		},
	);
	const events = new Promise<string[]>((resolve) => {
		socket.on("connect", () => list.push("connect"));
		socket.on("end", () => list.push("end"));
		socket.on("error", (error) => {
			code = (error as NodeJS.ErrnoException).code;
			list.push(`error ${error.message}`);
		});
		socket.on("close", () => resolve([...list, "close"]));
	});
	return { socket, events, read: () => text, handshake: () => facts, code: () => code };
}
