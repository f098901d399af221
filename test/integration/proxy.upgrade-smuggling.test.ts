/** Bytes behind a request for another protocol reach an upstream that stays with HTTP/1 neither before nor behind its answer: it would take them for
 *  requests that nobody has checked. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { frame } from "../support/http2-recorder.ts";
import { openClient, startRawServer } from "../support/raw-client.ts";
import { openRawHttp2, requestFrame } from "../support/raw-http2.ts";
import { cluster, route, startProxy } from "../support/running-proxy.ts";

const manager = {
	upgrade_configs: [{ upgrade_type: "websocket" }, { upgrade_type: "tcp" }, { upgrade_type: "CONNECT" }],
	http2_protocol_options: { allow_connect: true },
};
const hidden = "POST /hidden HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
const websocket = "GET /chat HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n";

/** An upstream of HTTP/1.1 that writes down what comes, and answers when told to. */
async function startUpstream(t: Parameters<typeof startRawServer>[0]) {
	const received: string[] = [];
	const sockets: Socket[] = [];
	const server = await startRawServer(t, (socket, index) => {
		received[index] = "";
		sockets[index] = socket;
		socket.setEncoding("latin1");
		socket.on("data", (data) => {
			received[index] += String(data);
		});
	});
	const proxy = await startProxy(t, {
		routes: [
			{ match: { connect_matcher: {} }, route: { cluster: "backend" } },
			route("/", "backend", { timeout: "0s" }),
		],
		clusters: [cluster("backend", [server.port])],
		manager,
	});
	return { received, sockets, proxy };
}

/** An answer, but not that the connection has become something else. */
const refuse = (status: number): string => `HTTP/1.1 ${status} X\r\ncontent-length: 2\r\n\r\nno`;

for (const [name, head, body, expected] of [
	["a websocket", `${websocket}\r\n`, hidden, ""],
	["a websocket with a coding", `${websocket}transfer-encoding: chunked\r\n\r\n`, hidden, ""],
	[
		"an upgrade with a body",
		`${websocket.replaceAll("websocket", "tcp")}content-length: 4\r\n\r\n`,
		`body${hidden}`,
		"body",
	],
	["CONNECT", "CONNECT x:80 HTTP/1.1\r\nhost: x:80\r\n\r\n", hidden, ""],
] as const) {
	test(`${name}: what is behind it does not become a request`, async (t) => {
		const { received, sockets, proxy } = await startUpstream(t);
		const client = await openClient(t, proxy.port());
		client.send(head + body);
		await eventually(() => assert.match(received[0] ?? "", /\r\n\r\n/));
		await eventually(() => assert.equal(received[0]!.slice(received[0]!.indexOf("\r\n\r\n") + 4), expected));
		const status = name === "CONNECT" ? 403 : 200;
		sockets[0]!.write(refuse(status));
		assert.equal((await client.response()).status, status);
		client.send(hidden);
		// The next request has another connection: this one has nothing more to say.
		const next = await openClient(t, proxy.port());
		next.send("GET /next HTTP/1.1\r\nhost: x\r\n\r\n");
		await eventually(() => assert.match(received[1] ?? "", /^GET \/next/));
		assert.doesNotMatch(received.join(""), /hidden/);
		await eventually(() => assert.ok(sockets[0]!.closed));
	});
}

test("an extended CONNECT that has ended already does not leave a request in the upstream's connection", async (t) => {
	const { received, sockets, proxy } = await startUpstream(t);
	const client = await openRawHttp2(t, proxy.port());
	client.send(
		frame(4, 0, 0),
		requestFrame(1, false, { ":method": "CONNECT", ":protocol": "websocket", ":path": "/chat" }),
		frame(0, 1, 1, hidden),
	);
	await eventually(() => assert.match(received[0] ?? "", /upgrade: websocket/));
	sockets[0]!.write(refuse(200));
	await eventually(() => assert.equal(client.see().streams["1"]?.at(-1), "DATA 2 END"));
	client.send(requestFrame(3, true, { ":path": "/next" }));
	await eventually(() => assert.match(received[1] ?? "", /^GET \/next/));
	assert.doesNotMatch(received.join(""), /hidden/);
});

test("what came early goes once the upstream has agreed, in its order", async (t) => {
	const { received, sockets, proxy } = await startUpstream(t);
	const client = await openClient(t, proxy.port());
	const early = Array.from({ length: 30_000 }, (_, index) => `${index};`).join("");
	client.send(`${websocket}\r\n`);
	client.send(early);
	await eventually(() => assert.match(received[0] ?? "", /\r\n\r\n$/));
	sockets[0]!.write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello");
	await client.until("hello");
	client.send("late");
	await eventually(() => assert.ok(received[0]!.endsWith(`\r\n\r\n${early}late`)));
});
