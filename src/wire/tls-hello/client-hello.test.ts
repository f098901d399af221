import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { connect } from "node:tls";
import { createSeededRandom } from "../../core/index.ts";
import { parseFirstBytes } from "./client-hello.ts";

/** The ClientHello that this machine's TLS library really sends. */
async function captureClientHello(options: { servername?: string; ALPNProtocols?: string[] }): Promise<Buffer> {
	const server = createServer();
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const address = server.address();
	assert.ok(address !== null && typeof address === "object");
	const client = connect({ host: "127.0.0.1", port: address.port, rejectUnauthorized: false, ...options });
	client.on("error", () => undefined);
	const [socket] = await once(server, "connection");
	const [bytes] = await once(socket, "data");
	socket.destroy();
	client.destroy();
	server.close();
	return bytes;
}

test("a real ClientHello gives its server name and protocols", async () => {
	const bytes = await captureClientHello({ servername: "Reviews.Shop", ALPNProtocols: ["h2", "http/1.1"] });
	const outcome = parseFirstBytes(bytes);
	assert.partialDeepStrictEqual(outcome, { kind: "client-hello", serverName: "reviews.shop" });
	assert.deepEqual(outcome.kind === "client-hello" && outcome.applicationProtocols, ["h2", "http/1.1"]);
});

test("a server name cannot end the line of a log", async () => {
	const bytes = await captureClientHello({ servername: "abcd.shop" });
	bytes.write("\r\n", bytes.indexOf("abcd.shop") + 1);
	const outcome = parseFirstBytes(bytes);
	assert.equal(outcome.kind === "client-hello" && outcome.serverName, "a__d.shop");
});

test("a ClientHello without extensions of interest gives empty ones", async () => {
	const bytes = await captureClientHello({});
	const outcome = parseFirstBytes(bytes);
	assert.partialDeepStrictEqual(outcome, { kind: "client-hello", serverName: "" });
	assert.deepEqual(outcome.kind === "client-hello" && outcome.applicationProtocols, []);
});

test("every beginning of a ClientHello is incomplete, whatever records it is cut into", async () => {
	const bytes = await captureClientHello({ servername: "a.b" });
	for (let length = 0; length < bytes.length; length++) {
		assert.equal(parseFirstBytes(bytes.subarray(0, length)).kind, "incomplete", `${length} bytes`);
	}
	const message = bytes.subarray(5);
	const cut = 40;
	const split = Buffer.concat([
		Buffer.of(22, 3, 1, 0, cut),
		message.subarray(0, cut),
		Buffer.of(22, 3, 1, (message.length - cut) >> 8, (message.length - cut) & 0xff),
		message.subarray(cut),
	]);
	assert.deepEqual(parseFirstBytes(split), parseFirstBytes(bytes));
});

test("plain text is told at its first byte", () => {
	assert.equal(parseFirstBytes(Buffer.from("G")).kind, "plain");
	assert.equal(parseFirstBytes(Buffer.from("GET / HTTP/1.1\r\n\r\n")).kind, "plain");
	assert.equal(parseFirstBytes(Buffer.of(22, 9)).kind, "plain");
});

test("broken and oversized handshakes are malformed, never an error", async () => {
	assert.equal(parseFirstBytes(Buffer.of(22, 3, 1, 0, 0)).kind, "malformed");
	assert.equal(parseFirstBytes(Buffer.of(22, 3, 1, 0xff, 0xff, 1)).kind, "malformed");
	assert.equal(parseFirstBytes(Buffer.of(22, 3, 1, 0, 4, 2, 0, 0, 0)).kind, "malformed");
	const random = createSeededRandom(7);
	const good = await captureClientHello({ servername: "reviews.shop", ALPNProtocols: ["h2"] });
	for (let round = 0; round < 5000; round++) {
		const bytes = Buffer.from(good);
		for (let flips = 0; flips < 4; flips++)
			bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256);
		assert.ok(["incomplete", "plain", "malformed", "client-hello"].includes(parseFirstBytes(bytes).kind));
	}
});
