import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { createFakeClock } from "../../../test/support/fake-clock.ts";
import { describeError } from "../../core/index.ts";
import { createRemoteSigner } from "./index.ts";

const never = new AbortController().signal;

/** A control plane that answers as told. */
async function setUp(
	t: TestContext,
	answer: (request: IncomingMessage, body: string, response: ServerResponse) => void,
) {
	const server = createServer(async (request, response) => {
		let body = "";
		for await (const part of request) body += String(part);
		answer(request, body, response);
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	const clock = createFakeClock();
	const adminUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const sign = createRemoteSigner({
		adminUrl,
		token: "planted-token",
		namespace: "shop",
		serviceAccount: "web",
		clock,
	});
	return { sign, clock, server };
}

test("the request and the token go to the control plane, chain and bundle come back", async (t) => {
	const { sign, clock } = await setUp(t, (request, body, response) => {
		assert.equal(`${request.method} ${request.url}`, "POST /v1/identity/sign");
		assert.equal(request.headers.authorization, "Bearer planted-token");
		assert.deepEqual(JSON.parse(body), { namespace: "shop", serviceAccount: "web", csr: "REQUEST" });
		response.end(JSON.stringify({ chain: "CHAIN", bundle: "BUNDLE", expiresAt: 1 }));
	});
	assert.deepEqual(await sign("REQUEST", never), { chain: "CHAIN", bundle: "BUNDLE" });
	assert.equal(clock.pending, 0);
});

test("refusals and faults are told apart, in the control plane's words and without the token", async (t) => {
	let status = 403;
	const { sign } = await setUp(t, (_request, _body, response) => {
		response.writeHead(status).end("no: planted-token\nis wrong");
	});
	await assert.rejects(sign("REQUEST", never), (error: Error) => {
		assert.match(
			describeError(error),
			/service account shop\/web: .* answered 403: no: … is wrong; the token is not of/,
		);
		return "code" in error && error.code === "SIGNING_REFUSED";
	});
	status = 422;
	await assert.rejects(sign("REQUEST", never), { code: "SIGNING_REFUSED" });
	status = 503;
	await assert.rejects(sign("REQUEST", never), { code: "SIGNING_UNREACHABLE" });
});

test("an answer that is none is refused", async (t) => {
	let text = "";
	const { sign } = await setUp(t, (_request, _body, response) => response.end(text));
	for (text of ["", "[]", "null", '{"chain":1,"bundle":"x"}', "x".repeat(300_000)]) {
		await assert.rejects(sign("REQUEST", never), { code: "SIGNING_ANSWER_INVALID" });
	}
});

test("a control plane that is away, sends elsewhere or does not answer is unreachable", async (t) => {
	const asked = Promise.withResolvers<void>();
	const { sign, clock, server } = await setUp(t, () => asked.resolve());
	const slow = sign("REQUEST", never);
	await asked.promise;
	clock.advance(5_000);
	await assert.rejects(slow, (error: Error) => /no answer in 5000 ms/.test(describeError(error)));
	const stop = new AbortController();
	const stopped = sign("REQUEST", stop.signal);
	stop.abort(new Error("closing"));
	await assert.rejects(stopped, { code: "SIGNING_UNREACHABLE" });
	server.closeAllConnections();
	server.close();
	await assert.rejects(sign("REQUEST", never), (error: Error) => /ECONNREFUSED/.test(describeError(error)));
	const elsewhere = await setUp(t, (_request, _body, response) =>
		response.writeHead(307, { location: "http://127.0.0.1:1/" }).end(),
	);
	await assert.rejects(elsewhere.sign("REQUEST", never), { code: "SIGNING_UNREACHABLE" });
});
