/** What the Node services share: a small JSON server on loopback that ends cleanly, and calls that carry the trace on. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

export type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> | void;

/** Serves `routes` ("GET /products") on the port the mesh gave, until SIGTERM. */
export function serve(name: string, routes: Readonly<Record<string, Handler>>): void {
	const server = createServer(async (request, response) => {
		const url = new URL(request.url ?? "/", "http://localhost");
		const handler = routes[`${request.method} ${url.pathname}`];
		try {
			if (url.pathname === "/healthz") return sendJson(response, 200, { status: "ok" });
			if (handler === undefined)
				return sendJson(response, 404, { error: `${name} has no ${request.method} ${url.pathname}` });
			await handler(request, response, url);
		} catch (error) {
			console.error(`${request.method} ${url.pathname}: ${error instanceof Error ? error.message : error}`);
			if (response.headersSent) response.destroy();
			else sendJson(response, 502, { error: error instanceof Error ? error.message : String(error) });
		}
	});
	// Idle connections are the proxy's to close: a server that closes one just as a request comes loses that request.
	server.keepAliveTimeout = 0;
	server.listen(Number(process.env.PORT), "127.0.0.1", () =>
		console.log(`${name} listens on port ${process.env.PORT}`),
	);
	process.once("SIGTERM", () => {
		server.close(() => process.exit(0));
		server.closeIdleConnections();
		setTimeout(() => server.closeAllConnections(), 2000).unref();
	});
}

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
	response.writeHead(status, { "content-type": "application/json" });
	response.end(`${JSON.stringify(value)}\n`);
}

const carried = ["traceparent", "tracestate", "x-request-id", "x-canary"];

/** The headers of a request that calls made for its sake must repeat: without them a trace falls apart. */
export function carriedHeaders(request: IncomingMessage): Record<string, string> {
	const headers: Record<string, string> = {};
	for (const name of carried) {
		const value = request.headers[name];
		if (typeof value === "string") headers[name] = value;
	}
	return headers;
}

/** Calls another service by its plain name; the sidecar finds it, encrypts, retries.
 *  @throws Error naming service and status unless the answer is a 2xx */
export async function call<T>(request: IncomingMessage, url: string, init: RequestInit = {}): Promise<T> {
	const answer = await fetch(url, { ...init, headers: { ...carriedHeaders(request), ...init.headers } });
	if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${(await answer.text()).trim()}`);
	return (await answer.json()) as T;
}

/** Reads a request's body, 64 KiB at most. */
export async function readBody(request: IncomingMessage): Promise<string> {
	let body = "";
	for await (const chunk of request) {
		body += chunk;
		if (body.length > 65_536) throw new Error("body too large");
	}
	return body;
}
