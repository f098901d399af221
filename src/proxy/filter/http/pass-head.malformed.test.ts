import assert from "node:assert/strict";
import { test } from "node:test";
import { PassRequestHead } from "./pass-head.ts";

const createRequest = () =>
	new PassRequestHead(["host", "a", "x-odd", "kept\0as it came", "x-a", "1"], "GET", "/", "a", "http", undefined);

test("a request is judged by what was done to it, not by what came", () => {
	const request = createRequest();
	assert.equal(request.findMalformed(), undefined);
	request.remove("host");
	request.set("x-new", "fine\tü");
	assert.equal(request.findMalformed(), undefined);
});

test("a line end in a field, a name or the request's line is found, wherever it stands", () => {
	for (const value of ["1\r\nx: 1", "1\n", "\r", "\0", "\x7f", "Ċ"]) {
		const request = createRequest();
		request.headers.unshift("x-first", value);
		assert.deepEqual(request.findMalformed(), { name: "x-first", part: "value" });
	}
	const changed = createRequest();
	changed.set("x-a", "1\n");
	assert.deepEqual(changed.findMalformed(), { name: "x-a", part: "value" });
	const named = createRequest();
	named.headers.push("x: 1\r\ny", "1");
	assert.deepEqual(named.findMalformed(), { name: "x: 1\r\ny", part: "name" });
	for (const field of ["method", "path", "authority"] as const) {
		const request = createRequest();
		request[field] = "/ HTTP/1.1\r\nx: 1";
		assert.deepEqual(request.findMalformed(), { name: `:${field}`, part: "value" });
	}
});
