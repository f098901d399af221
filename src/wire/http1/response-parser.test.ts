import assert from "node:assert/strict";
import { test } from "node:test";
import { parseResponses, splitBytes } from "../../../test/support/http1-events.ts";

function parse(text: string, methods: readonly string[] = [], closes = false) {
	const bytes = Buffer.from(text, "latin1");
	const whole = parseResponses([bytes], methods, closes);
	assert.deepEqual(parseResponses(splitBytes(bytes), methods, closes), whole, "one byte at a time");
	return whole;
}

test("the body ends with its length, with the last chunk, or with the connection", () => {
	const { messages } = parse(
		"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nx-t: 1\r\n\r\nHTTP/1.1 200\r\n\r\nrest",
		[],
		true,
	);
	assert.deepEqual(
		messages.map(({ body, complete }) => [body, complete]),
		[
			["ok", true],
			["ab", true],
			["rest", true],
		],
	);
	assert.deepEqual(messages[1]?.trailers, ["x-t", "1"]);
});

test("answers to HEAD, 204 and 304 have no body, whatever they announce", () => {
	const { messages, fault } = parse(
		"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nHTTP/1.1 204 No\r\n\r\nHTTP/1.1 304 Same\r\ncontent-length: 50\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
		["HEAD", "GET", "GET", "GET"],
	);
	assert.equal(fault, undefined);
	assert.deepEqual(
		messages.map(({ start, endStream, body }) => [start, endStream, body]),
		[
			["200", true, ""],
			["204", true, ""],
			["304", true, ""],
			["200", false, "x"],
		],
	);
});

test("interim answers come before the final one", () => {
	const { messages, informational } = parse(
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: a\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
	);
	assert.deepEqual(informational, [100, 103]);
	assert.deepEqual(messages[0]?.headers, ["content-length", "0"]);
});

test("what two readers could take differently is refused", () => {
	for (const [text, fault] of [
		["garbage\r\n\r\n", "malformed"],
		["HTTQ", "malformed"],
		["\x15\x03\x01\0\x02\x02\x28", "malformed"],
		["\0\0\0\x04\0\0\0\0\0", "malformed"],
		["HTTP/1.1 99 Low\r\n\r\n", "malformed"],
		["HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n", "length-and-chunked"],
		["HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n", "malformed"],
		["HTTP/1.1 204 No\r\ncontent-length: 2\r\n\r\n", "body-disallowed"],
		["HTTP/1.1 100 Continue\r\ncontent-length: 5\r\n\r\n", "body-disallowed"],
		["HTTP/1.1 103 Early\r\ntransfer-encoding: chunked\r\n\r\n", "body-disallowed"],
		["HTTP/1.1 200 O\x01K\r\n\r\n", "malformed"],
		["HTTP/1.1 200 O\0K\r\n\r\n", "malformed"],
		["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "malformed"],
		["HTTP/1.1 200 OK\r\nnocolon\r\n\r\n", "malformed"],
		["HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n", "invalid-characters"],
	] as const) {
		assert.equal(parse(text).fault, fault, JSON.stringify(text));
	}
});
