import assert from "node:assert/strict";
import { test } from "node:test";
import { isSessionPath, readSession, writeSessionHost } from "./session-state.ts";

const cookie = { kind: "cookie", name: "sticky", ttlSeconds: 60, path: "/shop", attributes: "" } as const;

test("a cookie that was written names its host until it expires", () => {
	const headers: string[] = [];
	assert.equal(writeSessionHost(cookie, headers, undefined, "10.0.0.1:80", 1_000_000), true);
	const value = headers[1]!.split(";")[0]!;
	assert.match(headers[1]!, /; Max-Age=60; Path=\/shop; HttpOnly$/);
	assert.equal(readSession(cookie, ["cookie", value], 1_000_000)?.host, "10.0.0.1:80");
	assert.equal(readSession(cookie, ["cookie", value], 1_062_000), undefined);
});

test("the cookie of the host that was used is not written again", () => {
	const headers: string[] = [];
	assert.equal(writeSessionHost(cookie, headers, "10.0.0.1:80", "10.0.0.1:80", 0), false);
	assert.deepEqual(headers, []);
});

test("a cookie's path covers what lies below it", () => {
	const covered = ["/shop", "/shop/a", "/shop?x", "/shopping", "/"].map((path) => isSessionPath(cookie, path));
	assert.deepEqual(covered, [true, true, true, false, false]);
});

test("an address by itself is one, unless its bytes are a message without one", () => {
	const read = (text: string) =>
		readSession(cookie, ["cookie", `sticky=${Buffer.from(text).toString("base64")}`], 0)?.host;
	assert.equal(read("127.0.0.1:80"), "127.0.0.1:80");
	assert.equal(read("10.9.9.9:80"), undefined);
});

test("garbage is no session", () => {
	for (const value of ["%%%", "a", ""]) assert.equal(readSession(cookie, ["cookie", `sticky=${value}`], 0), undefined);
});
