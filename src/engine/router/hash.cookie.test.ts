import assert from "node:assert/strict";
import { test } from "node:test";
import { makeAddress, makeConnection, makeRequest, makeStream } from "../../../test/support/streams.ts";
import { hashRequest } from "./hash.ts";
import type { HashPolicy } from "./route-config.ts";

const policy: HashPolicy = { kind: "cookie", name: "s", ttlSeconds: 0, path: "", attributes: "", terminal: false };

/** The hash of a request without the cookie on a connection from a port, and the cookie it is given. */
function ask(port: number): { readonly hash: bigint | undefined; readonly cookies: readonly string[] } {
	const cookies: string[] = [];
	const connection = makeConnection({ remote: makeAddress("10.0.0.9", port) });
	const request = makeRequest("GET /");
	const hash = hashRequest([policy], request, makeStream(request, { connection }), (cookie) => cookies.push(cookie));
	return { hash, cookies };
}

test("requests without the cookie are given the same one on one connection, another on another", () => {
	const first = ask(40_000);
	assert.deepEqual(ask(40_000), first);
	assert.match(first.cookies[0]!, /^s="[0-9a-f]{16}"; HttpOnly$/);
	assert.notDeepEqual(ask(40_001), first);
});

test("a cookie that was made leads back to the same host", () => {
	const { hash, cookies } = ask(40_000);
	const request = makeRequest("GET /", `cookie: ${cookies[0]!.split(";")[0]}`);
	assert.equal(hashRequest([policy], request, makeStream(request), undefined), hash);
});
