import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRequests, splitBytes } from "../../../test/support/http1-events.ts";

/** Parses in one piece and byte by byte, which must come to the same. */
function parse(text: string) {
	const bytes = Buffer.from(text, "latin1");
	const whole = parseRequests([bytes]);
	assert.deepEqual(parseRequests(splitBytes(bytes)), whole, "one byte at a time");
	assert.equal(whole.fault, undefined);
	return whole.messages;
}

test("pipelined requests come out in order, each with its body", () => {
	const messages = parse(
		"POST /1 HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabcGET /2 HTTP/1.1\r\nhost: h\r\n\r\n\r\nPOST /3 HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n2\r\nde\r\n1;x=y\r\nf\r\n0\r\n\r\nGET /4 HTTP/1.1\r\nhost: h\r\n\r\n",
	);
	assert.deepEqual(
		messages.map(({ start, body, complete, endStream }) => [start, body, complete, endStream]),
		[
			["POST /1", "abc", true, false],
			["GET /2", "", true, true],
			["POST /3", "def", true, false],
			["GET /4", "", true, true],
		],
	);
});

test("trailers follow a chunked body", () => {
	const [message] = parse(
		"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-T: 1\r\nx-u: 2\r\n\r\n",
	);
	assert.equal(message?.body, "abc");
	assert.deepEqual(message?.trailers, ["x-t", "1", "x-u", "2"]);
});

test("an absolute target gives authority and path, whatever Host says", () => {
	const [one, two, three] = parse(
		"GET http://other:81/p?q HTTP/1.1\r\nhost: h\r\n\r\nGET http://other HTTP/1.1\r\nhost: h\r\n\r\nOPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n",
	);
	assert.deepEqual([one?.start, one?.authority], ["GET /p?q", "other:81"]);
	assert.deepEqual([two?.start, two?.authority], ["GET /", "other"]);
	assert.deepEqual([three?.start, three?.authority], ["OPTIONS *", "h"]);
});

test("hop-by-hop fields and those that Connection names do not pass", () => {
	const [message] = parse(
		"GET / HTTP/1.1\r\nHost: h\r\nConnection: x-hop, close\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\nX-Stay: 2\r\n\r\n",
	);
	assert.deepEqual(message?.headers, ["x-stay", "2"]);
});

test("behind an upgrade and behind CONNECT bytes are opaque", () => {
	const [upgrade] = parse(
		"GET /ws HTTP/1.1\r\nhost: h\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n\x81\x05hello",
	);
	assert.deepEqual([upgrade?.upgrade, upgrade?.body, upgrade?.complete], ["websocket", "\x81\x05hello", false]);
	const [connect] = parse("CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n\r\nGET / HTTP/1.1\r\n\r\n");
	assert.deepEqual([connect?.start, connect?.authority, connect?.upgrade], ["CONNECT ", "a.test:443", "CONNECT"]);
	assert.equal(connect?.body, "GET / HTTP/1.1\r\n\r\n");
});

test("h2c is no upgrade, and takes its headers along", () => {
	const [message] = parse(
		"GET / HTTP/1.1\r\nhost: h\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\r\n",
	);
	assert.deepEqual([message?.upgrade, message?.headers], [undefined, []]);
});

test("a large body that comes with its head is handed on in views", () => {
	const body = "x".repeat(100_000);
	const bytes = Buffer.from(`POST / HTTP/1.1\r\nhost: h\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
	const { messages } = parseRequests([bytes.subarray(0, 40_000), bytes.subarray(40_000)]);
	assert.equal(messages[0]?.body, body);
	assert.equal(messages[0]?.complete, true);
});

test("an HTTP/1.0 request is taken where that is allowed", () => {
	const { messages, fault } = parseRequests([Buffer.from("GET / HTTP/1.0\r\n\r\n")], { acceptHttp10: true });
	assert.equal(fault, undefined);
	assert.equal(messages[0]?.authority, undefined);
	assert.equal(parseRequests([Buffer.from("GET /\r\n\r\n")], { acceptHttp10: true }).fault, "malformed");
});
