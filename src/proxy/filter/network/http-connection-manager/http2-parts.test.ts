import assert from "node:assert/strict";
import { test } from "node:test";
import type { HeaderList } from "../../../../core/index.ts";
import { withoutConnectionFields } from "./connection-fields.ts";
import { beginsAsHttp2, beginsAsNothing } from "./first-bytes.ts";
import { PrematureResets } from "./premature-resets.ts";

test("the first bytes tell HTTP/2 from HTTP/1, and from what is neither", () => {
	const kind = (text: string): string => {
		const bytes = Buffer.from(text, "latin1");
		return beginsAsHttp2(bytes) ? "http2" : beginsAsNothing(bytes) ? "neither" : "http1";
	};
	assert.equal(kind("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "http2");
	assert.equal(kind("PRI * HTTP/2"), "http2");
	assert.equal(kind("PRI * HT"), "http1");
	assert.equal(kind("P"), "http1");
	assert.equal(kind("POST / HTTP/1.1\r\n"), "http1");
	assert.equal(kind("GET / SPDY/3\r\n"), "http1");
	assert.equal(kind("CONNECT host:80 HTTP/1.1\r\n"), "http1");
	assert.equal(kind("garbage\r\n\r\n"), "http1");
	assert.equal(kind("NOT A REQUEST\r\n\r\n"), "neither");
});

test("a connection is cut off when half of its streams were reset at once, as soon as that is certain", () => {
	const count = (reset: (stream: number) => boolean, ageMs: number): number => {
		const resets = new PrematureResets();
		for (let stream = 1; stream <= 5000; stream++) if (resets.onStreamOver(reset(stream), ageMs)) return stream;
		return 0;
	};
	assert.equal(
		count(() => true, 10),
		250,
	);
	assert.equal(
		count(() => true, 1000),
		0,
		"old streams may be reset",
	);
	assert.equal(
		count((stream) => stream % 2 === 0, 10),
		500,
	);
	assert.equal(
		count((stream) => stream % 3 === 0, 10),
		0,
	);
});

test("fields of an HTTP/1 connection stay out, and a list without them is not copied", () => {
	const plain: HeaderList = ["server", "a", "x-upgrade", "b", "content-length", "1"];
	assert.equal(withoutConnectionFields(plain), plain);
	const mixed = [
		"connection",
		"close",
		"a",
		"1",
		"keep-alive",
		"x",
		"transfer-encoding",
		"chunked",
		"b",
		"2",
		"upgrade",
		"h2c",
	];
	assert.deepEqual(withoutConnectionFields(mixed), ["a", "1", "b", "2"]);
	assert.deepEqual(withoutConnectionFields(["proxy-connection", "close"]), []);
});
