import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRequests, splitBytes } from "../../../test/support/http1-events.ts";

const host = "host: h\r\n";

/** Every way to write a request that two parsers could read differently, and the fault it is. */
const refused: readonly (readonly [what: string, text: string, fault: string])[] = [
	[
		"Content-Length beside chunked",
		`POST / HTTP/1.1\r\n${host}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n`,
		"length-and-chunked",
	],
	["two different lengths", `POST / HTTP/1.1\r\n${host}content-length: 3\r\ncontent-length: 4\r\n\r\n`, "malformed"],
	["two equal lengths", `POST / HTTP/1.1\r\n${host}content-length: 3\r\ncontent-length: 3\r\n\r\n`, "malformed"],
	["a list of lengths", `POST / HTTP/1.1\r\n${host}content-length: 3, 3\r\n\r\n`, "malformed"],
	["a signed length", `POST / HTTP/1.1\r\n${host}content-length: +3\r\n\r\n`, "malformed"],
	["an empty length", `POST / HTTP/1.1\r\n${host}content-length:\r\n\r\n`, "malformed"],
	[
		"a length beyond all numbers",
		`POST / HTTP/1.1\r\n${host}content-length: 99999999999999999999\r\n\r\n`,
		"malformed",
	],
	[
		"chunked twice",
		`POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n`,
		"invalid-transfer-encoding",
	],
	[
		"another coding before chunked",
		`POST / HTTP/1.1\r\n${host}transfer-encoding: gzip, chunked\r\n\r\n`,
		"invalid-transfer-encoding",
	],
	["an unknown coding", `POST / HTTP/1.1\r\n${host}transfer-encoding: xchunked\r\n\r\n`, "invalid-transfer-encoding"],
	[
		"a coding behind a vertical tab",
		`POST / HTTP/1.1\r\n${host}transfer-encoding:\x0bchunked\r\n\r\n`,
		"invalid-characters",
	],
	["white space before the colon", `GET / HTTP/1.1\r\n${host}x-a : 1\r\n\r\n`, "malformed"],
	["white space in a name", `GET / HTTP/1.1\r\n${host}x a: 1\r\n\r\n`, "malformed"],
	["a line without colon", `GET / HTTP/1.1\r\n${host}nocolon\r\n\r\n`, "malformed"],
	["an empty name", `GET / HTTP/1.1\r\n${host}: v\r\n\r\n`, "malformed"],
	["NUL in a value", `GET / HTTP/1.1\r\n${host}x: a\0b\r\n\r\n`, "invalid-characters"],
	["NUL in a name", `GET / HTTP/1.1\r\n${host}x\0: b\r\n\r\n`, "invalid-characters"],
	["a control character in a value", `GET / HTTP/1.1\r\n${host}x: a\x01b\r\n\r\n`, "invalid-characters"],
	["a folded first line", `GET / HTTP/1.1\r\n x: 1\r\n${host}\r\n`, "malformed"],
	["a second space in the target", `GET /a b HTTP/1.1\r\n${host}\r\n`, "malformed"],
	["NUL in the target", `GET /a\0 HTTP/1.1\r\n${host}\r\n`, "malformed"],
	["a lower-case method", `get / HTTP/1.1\r\n${host}\r\n`, "malformed"],
	["another version", `GET / HTTP/2.0\r\n${host}\r\n`, "low-version"],
	["a version in lower case", `GET / http/1.1\r\n${host}\r\n`, "malformed"],
	["a chunk size that is no number", `POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\nzz\r\n`, "malformed"],
	["a chunk size with 0x", `POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\n0x3\r\nabc\r\n`, "malformed"],
	[
		"a chunk size beyond all numbers",
		`POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n`,
		"malformed",
	],
	[
		"a chunk size ended by a bare line feed",
		`POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n`,
		"malformed",
	],
	[
		"a chunk extension with a bare line feed",
		`POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\n3;a\nabc\r\n0\r\n\r\n`,
		"malformed",
	],
	[
		"more than a line end behind the data of a chunk",
		`POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n`,
		"malformed",
	],
	[
		"a length that Connection takes away",
		`POST / HTTP/1.1\r\n${host}connection: content-length\r\ncontent-length: 3\r\n\r\nabc`,
		"malformed",
	],
	[
		"a coding that Connection takes away",
		`POST / HTTP/1.1\r\n${host}connection: close, Transfer-Encoding\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
		"malformed",
	],
	["a Host that Connection takes away", `GET / HTTP/1.1\r\n${host}connection: host\r\n\r\n`, "malformed"],
	[
		"a length that Connection takes away from an upgrade",
		`POST / HTTP/1.1\r\n${host}connection: upgrade, content-length\r\nupgrade: websocket\r\ncontent-length: 3\r\n\r\nabc`,
		"malformed",
	],
	["a tab in the target", `GET /a\t HTTP/1.1\r\n${host}\r\n`, "malformed"],
	["a form feed in the target", `GET /\f HTTP/1.1\r\n${host}\r\n`, "malformed"],
	[
		"an empty line with a second carriage return",
		`GET / HTTP/1.1\r\n${host}\r\r\nGET /b HTTP/1.1\r\n${host}\r\n`,
		"malformed",
	],
	["a fragment in an absolute target", `GET http://a/#f HTTP/1.1\r\n${host}\r\n`, "invalid-url"],
	["a pseudo-header field that Connection names", `GET / HTTP/1.1\r\n${host}connection: :path\r\n\r\n`, "malformed"],
	["a carriage return in a method", `G\rET / HTTP/1.1\r\n${host}\r\n`, "malformed"],
	["a carriage return in a target", `GET /a\rb HTTP/1.1\r\n${host}\r\n`, "malformed"],
	["a carriage return in a name", `GET / HTTP/1.1\r\n${host}x\ry: 1\r\n\r\n`, "malformed"],
	["a carriage return before the colon", `POST / HTTP/1.1\r\n${host}transfer-encoding\r: chunked\r\n\r\n`, "malformed"],
	["a carriage return before a name", `POST / HTTP/1.1\r\n${host}\rtransfer-encoding: chunked\r\n\r\n`, "malformed"],
	["a carriage return in a length", `POST / HTTP/1.1\r\n${host}content-length: 1\r0\r\n\r\n`, "malformed"],
	["a carriage return in a coding", `POST / HTTP/1.1\r\n${host}transfer-encoding: chun\rked\r\n\r\n`, "malformed"],
	[
		"a carriage return in the name of a trailer",
		`POST / HTTP/1.1\r\n${host}transfer-encoding: chunked\r\n\r\n0\r\nx\ry: 1\r\n\r\n`,
		"malformed",
	],
	["an escape in the host of an absolute target", `GET http://a%2eb/ HTTP/1.1\r\n${host}\r\n`, "invalid-url"],
	["a list of hosts in an absolute target", `GET http://a,b/ HTTP/1.1\r\n${host}\r\n`, "invalid-url"],
	["an empty port in an absolute target", `GET http://a:/ HTTP/1.1\r\n${host}\r\n`, "invalid-url"],
	["a port beyond ports in an absolute target", `GET http://a:65536/ HTTP/1.1\r\n${host}\r\n`, "invalid-url"],
	["two ports in an absolute target", `GET http://a:80:81/ HTTP/1.1\r\n${host}\r\n`, "invalid-url"],
	["CONNECT to a path", `CONNECT / HTTP/1.1\r\n${host}\r\n`, "malformed"],
	["CONNECT to a URL", `CONNECT http://a:1/ HTTP/1.1\r\n${host}\r\n`, "malformed"],
	["CONNECT without a port", `CONNECT a HTTP/1.1\r\n${host}\r\n`, "malformed"],
	["a body with CONNECT", "CONNECT a:1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc", "body-disallowed"],
	["an authority with a slash", "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", "invalid-authority"],
];

for (const [what, text, fault] of refused) {
	test(`${what} is refused`, () => {
		const bytes = Buffer.from(text, "latin1");
		assert.equal(parseRequests([bytes]).fault, fault);
		assert.equal(parseRequests(splitBytes(bytes)).fault, fault, "one byte at a time");
	});
}

test("bare line feeds and folded lines are read as Envoy reads them, and come out straight", () => {
	for (const text of [
		"GET / HTTP/1.1\nhost: h\nx-a: 1 2\n\n",
		"GET / HTTP/1.1\r\nhost: h\r\nx-a: 1\r\n 2\r\n\r\n",
		"GET / HTTP/1.1\r\nhost: h\r\nx-a: 1\r\n\t 2\r\n\r\n",
	]) {
		const { messages, fault } = parseRequests([Buffer.from(text)]);
		assert.equal(fault, undefined);
		assert.deepEqual(messages[0]?.headers, ["x-a", "1 2"]);
	}
});

test("an absolute target says where the request goes, without its user name", () => {
	const { messages } = parseRequests([Buffer.from("GET http://admin:x@a:81/p?q HTTP/1.1\r\nhost: b\r\n\r\n")]);
	assert.deepEqual([messages[0]?.authority, messages[0]?.start], ["a:81", "GET /p?q"]);
});

test("heads beyond the limits are refused while they arrive", () => {
	const long = Buffer.from(`GET / HTTP/1.1\r\n${host}x: ${"a".repeat(5000)}\r\n\r\n`);
	assert.equal(parseRequests([long], { maxHeadBytes: 4096 }).fault, "headers-too-large");
	assert.equal(parseRequests(splitBytes(long), { maxHeadBytes: 4096 }).fault, "headers-too-large");
	const endless = Buffer.from(`GET / HTTP/1.1\r\nx: ${"a".repeat(9000)}`);
	assert.equal(parseRequests([endless], { maxHeadBytes: 4096 }).fault, "headers-too-large");
	const many = Buffer.from(`GET / HTTP/1.1\r\n${host}${"a: b\r\n".repeat(30)}\r\n`);
	assert.equal(parseRequests([many], { maxHeaderCount: 20 }).fault, "too-many-headers");
});

test("names with underscores are dropped or refused when that is asked", () => {
	const bytes = Buffer.from(`GET / HTTP/1.1\r\n${host}a_b: 1\r\nc: 2\r\n\r\n`);
	assert.deepEqual(parseRequests([bytes], { underscores: "drop" }).messages[0]?.headers, ["c", "2"]);
	assert.equal(parseRequests([bytes], { underscores: "reject" }).fault, "underscore");
});
