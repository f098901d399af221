import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectNode, createServer as createPlainServer, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { createSecureContext, createServer as createTlsServer } from "node:tls";
import { createTestPki } from "../../test/support/pki.ts";
import {
	connectHandle,
	connectTls,
	findStreamHandles,
	type StreamHandles,
	type StreamSocket,
	type WriteOutcome,
	writeReusable,
} from "./index.ts";

const handles = findStreamHandles() as StreamHandles;
const pki = createTestPki();
const { certificateChainPem: cert, privateKeyPem: key } = pki.issue("server");

const targetOf = (port: number) => ({
	target: { ip: "127.0.0.1", port },
	bindIp: undefined,
	keepAliveSeconds: 60,
	allowHalfOpen: false,
	onBytes: () => undefined,
});
const connectSecured = (port: number): StreamSocket =>
	connectTls(
		handles,
		targetOf(port),
		{
			context: createSecureContext({ ca: pki.bundlePem }),
			serverName: "",
			protocols: [],
			session: undefined,
			greeting: undefined,
		},
		{ judge: () => undefined, onSession: undefined },
	);

/** The kinds of sockets, each with what becomes of bytes that a peer reads at once. */
const kinds: readonly (readonly [
	name: string,
	isTls: boolean,
	connect: (port: number) => StreamSocket,
	WriteOutcome,
])[] = [
	["a handle", false, (port) => connectHandle(handles, targetOf(port)), "gone"],
	["a TLS handle", true, connectSecured, "gone"],
	["Node's socket", false, (port) => connectNode(port, "127.0.0.1"), "taken"],
];

for (const [name, isTls, connect, atOnce] of kinds) {
	test(`${name}: bytes that are used up at once are told, and nobody is called`, async (t) => {
		const { socket, peer } = await openPair(t, isTls, connect);
		const arrived = once(peer, "data");
		let calls = 0;
		assert.equal(
			writeReusable(socket, Buffer.from("one"), () => calls++),
			atOnce,
		);
		assert.equal(String((await arrived)[0]), "one");
		await new Promise((resolve) => setImmediate(resolve));
		assert.equal(calls, atOnce === "gone" ? 0 : 1);
	});

	test(`${name}: a buffer that is used again spoils nothing, however slowly the peer reads`, async (t) => {
		const { socket, peer } = await openPair(t, isTls, connect);
		const free: Buffer[] = [];
		const outcomes = new Set<WriteOutcome>();
		const kept: Buffer[] = [];
		const pieces = 400;
		for (let piece = 0; piece < pieces; piece++) {
			const buffer = free.pop() ?? Buffer.allocUnsafeSlow(16 * 1024);
			buffer.fill(piece % 251);
			const outcome = writeReusable(socket, buffer, () => spoil(kept.shift()!));
			outcomes.add(outcome);
			if (outcome === "gone") spoil(buffer);
			else kept.push(buffer);
		}
		function spoil(buffer: Buffer): void {
			buffer.fill(255);
			free.push(buffer);
		}
		assert.ok(outcomes.has("full"), [...outcomes].join());
		let bytes = 0;
		let wrong = 0;
		peer.on("data", (data: Buffer) => {
			for (const byte of data) if (byte !== Math.floor(bytes++ / (16 * 1024)) % 251) wrong++;
			if (bytes === pieces * 16 * 1024) socket.destroySoon();
		});
		await once(peer, "end");
		assert.deepEqual([bytes, wrong, kept.length], [pieces * 16 * 1024, 0, 0]);
	});

	test(`${name}: a socket that is closed uses bytes up`, async (t) => {
		const { socket } = await openPair(t, isTls, connect);
		socket.destroy();
		assert.notEqual(
			writeReusable(socket, Buffer.from("x"), () => undefined),
			"taken",
		);
	});
}

/** A connected socket and its peer, which reads nothing yet. */
async function openPair(t: TestContext, isTls: boolean, connect: (port: number) => StreamSocket) {
	const server: Server = isTls ? createTlsServer({ cert, key }) : createPlainServer();
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const accepted = once(server, isTls ? "secureConnection" : "connection");
	const socket = connect((server.address() as { readonly port: number }).port);
	socket.on("error", () => undefined);
	const connected = new Promise<void>((resolve) => socket.once("connect", resolve));
	const [peer] = (await accepted) as [Socket];
	await connected;
	peer.on("error", () => undefined);
	t.after(() => {
		socket.destroy();
		peer.destroy();
		server.close();
	});
	return { socket, peer };
}
