/** Requests that two servers could read differently, generated, through amime to servers that other people wrote: what they take for a request is one
 *  that amime took for one, and answers go to whom they belong. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { createSeededRandom, type Random } from "../../src/core/index.ts";
import { eventually } from "../support/eventually.ts";
import { originServers } from "../support/origin-servers.ts";
import { skipWithout } from "../support/peers.ts";
import { cluster, route, startProxy } from "../support/running-proxy.ts";

const requests = 240;
const atOnce = 20;

for (const [name, { program, start }] of Object.entries(originServers)) {
	test(`${name} sees no request that amime has not sent`, { skip: skipWithout(name, program) }, async (t) => {
		const origin = await start(t);
		const proxy = await startProxy(t, {
			routes: [route("/", "backend")],
			clusters: [cluster("backend", [origin.port])],
			manager: {
				upgrade_configs: [{ upgrade_type: "websocket" }],
				http_protocol_options: { accept_http_10: true, default_host_for_http_10: "x", enable_trailers: true },
				delayed_close_timeout: "0.1s",
			},
		});
		const random = createSeededRandom(11);
		for (let from = 0; from < requests; from += atOnce) {
			const attacks = Array.from({ length: atOnce }, () => writeRequest(random));
			const [, answers] = await Promise.all([
				Promise.all(attacks.map((bytes) => attack(proxy.port(), bytes))),
				Promise.all(Array.from({ length: 3 }, (_, index) => ask(proxy.port(), `${from}-${index}`))),
			]);
			assert.deepEqual(
				answers,
				[0, 1, 2].map((index) => `${from}-${index}`),
			);
		}
		// What is left in a connection upstream would be in front of these.
		for (let index = 0; index < 30; index++) assert.equal(await ask(proxy.port(), `last-${index}`), `last-${index}`);
		const sent = await proxy.stat("cluster.backend.upstream_rq_total");
		await eventually(() => assert.ok(origin.seen().length >= (requests / atOnce) * 3 + 30));
		const seen = origin.seen();
		assert.deepEqual(
			seen.filter((id) => !/^[0-9a-f-]{36}$/.test(id)),
			[],
			"requests that are not amime's",
		);
		assert.equal(new Set(seen).size, seen.length, "a request was seen twice");
		assert.ok(seen.length <= sent, `${seen.length} requests of ${sent}`);
	});
}

/** Sends bytes, and takes what comes until nothing more does. */
function attack(port: number, bytes: string): Promise<void> {
	return new Promise((resolve) => {
		const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => socket.write(bytes, "latin1"));
		let timer = setTimeout(() => socket.destroy(), 60);
		socket.on("data", () => {
			clearTimeout(timer);
			timer = setTimeout(() => socket.destroy(), 15);
		});
		socket.on("error", () => socket.destroy());
		socket.on("end", () => socket.destroy());
		socket.on("close", () => {
			clearTimeout(timer);
			resolve();
		});
	});
}

async function ask(port: number, echo: string): Promise<string> {
	const answer = await fetch(`http://127.0.0.1:${port}/innocent`, { headers: { "x-echo": echo } });
	return await answer.text();
}

const hidden = "GET /hidden HTTP/1.1\r\nHost: x\r\nX-Echo: hidden\r\n\r\n";

const firstLines = [
	...[
		"POST / HTTP/1.1\r\n",
		"POST / HTTP/1.1\r\n",
		"GET / HTTP/1.1\r\n",
		"HEAD / HTTP/1.1\r\n",
		"PUT /a?b HTTP/1.1\r\n",
	],
	...["POST / HTTP/1.0\r\n", "GET /\r\n", "POST / HTTP/1.2\r\n", "POST / HTTP/2.0\r\n", "POST / http/1.1\r\n"],
	...["POST http://x/ HTTP/1.1\r\n", "GET * HTTP/1.1\r\n", "OPTIONS * HTTP/1.1\r\n", "CONNECT x:80 HTTP/1.1\r\n"],
	...[
		"POST  /  HTTP/1.1\r\n",
		"POST\t/\tHTTP/1.1\r\n",
		"POST / HTTP/1.1\n",
		"POST / HTTP/1.1 \r\n",
		"\r\nPOST / HTTP/1.1\r\n",
	],
	...["POST /\x0bHTTP/1.1\r\n", "POST / HTTP/1.1\r\r\n", "POST /a\rb HTTP/1.1\r\n", "post / HTTP/1.1\r\n"],
];

const lengths = ["0", "4", String(hidden.length), String(hidden.length + 5), "1"];
const lengthLines: readonly ((length: string) => string)[] = [
	(length) => `Content-Length: ${length}\r\n`,
	(length) => `Content-Length: ${length}\r\n`,
	(length) => `content-length:${length}\r\n`,
	(length) => `Content-Length:\t${length}\t\r\n`,
	(length) => `Content-Length : ${length}\r\n`,
	(length) => `Content-Length: ${length}, ${length}\r\n`,
	(length) => `Content-Length: +${length}\r\n`,
	(length) => `Content-Length: 0${length}\r\n`,
	(length) => `Content-Length: ${length}\x0b\r\n`,
	(length) => `Content-Length: ${length}\x00\r\n`,
	(length) => `Content-Length:\r\n ${length}\r\n`,
	(length) => `Content-Length: ${length}\r\n 0\r\n`,
	(length) => `X: y\rContent-Length: ${length}\r\n`,
	(length) => `X: y\nContent-Length: ${length}\r\n`,
	(length) => `X: y\r\n\rContent-Length: ${length}\r\n`,
	(length) => `Content_Length: ${length}\r\n`,
	(length) => `Content-Length\r: ${length}\r\n`,
	(length) => `Content-Length: ${length};\r\n`,
	(length) => `Content-Length: ${length}e0\r\n`,
	(length) => `\xa0Content-Length: ${length}\r\n`,
	(length) => `Content-Length: ${length}\n`,
];
const codingLines = [
	...["Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\n"],
	...["Transfer-Encoding: xchunked\r\n", "Transfer-Encoding:\tchunked\r\n", "Transfer-Encoding : chunked\r\n"],
	...[
		"Transfer-Encoding: chunked, identity\r\n",
		"Transfer-Encoding: identity, chunked\r\n",
		"Transfer-Encoding: CHUNKED\r\n",
	],
	...["Transfer-Encoding: \x0bchunked\r\n", "Transfer-Encoding: chunked\x0c\r\n", "Transfer-Encoding:\r\n chunked\r\n"],
	...[
		"X: y\rTransfer-Encoding: chunked\r\n",
		"X: y\nTransfer-Encoding: chunked\r\n",
		" Transfer-Encoding: chunked\r\n",
	],
	...["Transfer-Encoding: chunked;q=1\r\n", "Transfer_Encoding: chunked\r\n", 'Transfer-Encoding: "chunked"\r\n'],
	...["Transfer-Encoding: chun\rked\r\n", "Transfer-Encoding: \r\nchunked\r\n", "Transfer-Encoding: chunked,\r\n"],
	...["Transfer-Encoding: identity\r\n", "Transfer-Encoding:\r\n", "TE: chunked\r\n", "transfer-encoding: Chunked\n"],
];
const otherLines = [
	...[
		"Connection: content-length\r\n",
		"Connection: transfer-encoding\r\n",
		"Connection: close\r\n",
		"Connection: keep-alive\r\n",
	],
	...[
		"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
		"Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n",
	],
	...[
		"Expect: 100-continue\r\n",
		"Expect: 100-continue\r\n",
		"Trailer: content-length\r\n",
		"X-Long: " + "a".repeat(5000) + "\r\n",
	],
	...[
		"Host: y\r\n",
		"Host : y\r\n",
		"X-Fold: a\r\n b: c\r\n",
		"X: \x01\r\n",
		": v\r\n",
		"X\r\n",
		"Proxy-Connection: keep-alive\r\n",
	],
];
const chunkedBodies = [
	...[
		`0\r\n\r\n${hidden}`,
		`4\r\nbody\r\n0\r\n\r\n${hidden}`,
		`4;a=b\r\nbody\r\n0\r\n\r\n${hidden}`,
		`4\nbody\n0\n\n${hidden}`,
	],
	...[
		`4;a\nbody\r\n0\r\n\r\n${hidden}`,
		`4;a\rb\r\nbody\r\n0\r\n\r\n${hidden}`,
		`4 \r\nbody\r\n0 \r\n\r\n${hidden}`,
		`04\r\nbody\r\n00\r\n\r\n${hidden}`,
	],
	...[
		`4\r\nbodyXX0\r\n\r\n${hidden}`,
		`4\r\nbody\n0\r\n\r\n${hidden}`,
		`4\r\nbody\r0\r\n\r\n${hidden}`,
		`-1\r\nbody\r\n0\r\n\r\n${hidden}`,
	],
	...[
		`0x4\r\nbody\r\n0\r\n\r\n${hidden}`,
		`100000004\r\nbody\r\n0\r\n\r\n${hidden}`,
		`10000000000000004\r\nbody\r\n0\r\n\r\n${hidden}`,
	],
	...[
		`0\r\nContent-Length: 5\r\n\r\n${hidden}`,
		`0\r\nTransfer-Encoding: chunked\r\n\r\n${hidden}`,
		`0\r\nHost: y\r\n\r\n${hidden}`,
		`0\n\n${hidden}`,
	],
	...[
		`0\r\n${hidden}`,
		`0\r\nX: y\n\n${hidden}`,
		`0\r\n\n${hidden}`,
		`0;\r\n\r\n${hidden}`,
		`\r\n0\r\n\r\n${hidden}`,
		`2;\n\nbo\r\n0\r\n\r\n${hidden}`,
	],
];

/** A request of random parts, many of them wrong, with another one where a body may be. */
function writeRequest(random: Random): string {
	const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;
	const lines = random.next() < 0.95 ? ["Host: x\r\n"] : [];
	const isChunked = random.next() < 0.6;
	if (isChunked) lines.push(pick(codingLines));
	if (random.next() < (isChunked ? 0.4 : 0.9)) lines.push(pick(lengthLines)(pick(lengths)));
	if (random.next() < 0.15) lines.push(pick(lengthLines)(pick(lengths)));
	if (random.next() < 0.15) lines.push(pick(codingLines));
	if (random.next() < 0.3) lines.push(pick(otherLines));
	lines.sort(() => random.next() - 0.5);
	const end = random.next() < 0.95 ? "\r\n" : pick(["\n", "\r\r\n", "\r", " \r\n\r\n", "\n\r\n"]);
	const body = isChunked || random.next() < 0.3 ? pick(chunkedBodies) : hidden;
	return (random.next() < 0.6 ? "POST / HTTP/1.1\r\n" : pick(firstLines)) + lines.join("") + end + body;
}
