import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { TestContext } from "node:test";

/** A request as the backend saw it. */
export interface SeenRequest {
	readonly method: string;
	readonly path: string;
	readonly headers: IncomingHttpHeaders;
}

/** An HTTP/1 backend that answers 200 with `x-b: echo` and a fixed body, until the test ends. */
export async function startFixedBackend(
	t: Pick<TestContext, "after">,
): Promise<{ readonly port: number; readonly requests: SeenRequest[] }> {
	const requests: SeenRequest[] = [];
	const server = createServer((request, response) => {
		requests.push({ method: request.method ?? "", path: request.url ?? "", headers: request.headers });
		request.resume();
		request.on("end", () => {
			response.sendDate = false;
			response.writeHead(200, { "content-type": "text/plain", "x-b": "echo" });
			response.end("echo");
		});
	});
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const address = server.address();
	assert.ok(typeof address === "object" && address !== null);
	return { port: address.port, requests };
}
