import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { exchangeHttp } from "./index.ts";

async function serve(t: TestContext, answer: Parameters<typeof createServer>[1]): Promise<string> {
	const server = createServer(answer as never);
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => server.close().closeAllConnections());
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test("the answer comes whole, with what was sent", async (t) => {
	const url = await serve(t, (incoming, outgoing) => {
		outgoing.statusCode = 418;
		incoming.pipe(outgoing);
	});
	const read = await exchangeHttp(request(url, { method: "POST" }), { body: "ä".repeat(100_000), maxAnswerBytes: 1e6 });
	assert.equal(read.status, 418);
	assert.equal(read.text, "ä".repeat(100_000));
});

test("an answer that is too long, never comes or breaks off is an error", async (t) => {
	const long = await serve(t, (_incoming, outgoing) => outgoing.end("x".repeat(2_000)));
	await assert.rejects(exchangeHttp(request(long), { maxAnswerBytes: 1_000 }), /more than 1000 bytes/);
	const silent = await serve(t, () => undefined);
	await assert.rejects(exchangeHttp(request(silent, { timeout: 20 }), { maxAnswerBytes: 1 }), /no answer in time/);
	const broken = await serve(t, (_incoming, outgoing) => {
		outgoing.writeHead(200, { "content-length": "10" });
		outgoing.write("x", () => outgoing.destroy());
	});
	await assert.rejects(exchangeHttp(request(broken), { maxAnswerBytes: 100 }));
});
