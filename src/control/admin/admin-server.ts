import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describeError, type Log, MeshError } from "../../core/index.ts";
import { type AccessToken, authenticate, checkHost, checkRole, type Principal } from "./access.ts";
import { AdminError, type AdminResponse, type Endpoint, findEndpoint } from "./router.ts";

export interface AdminServerOptions {
	readonly host: string;
	/** 0 chooses a free one. */
	readonly port: number;
	/** At least one. */
	readonly tokens: readonly AccessToken[];
	readonly endpoints: readonly Endpoint[];
	readonly log: Log;
}

/** The HTTP side of the admin API. */
export interface AdminServer {
	/** @throws MeshError `ADMIN_PORT_TAKEN`, `ADMIN_ADDRESS_UNUSABLE` */
	start(): Promise<void>;
	port(): number;
	close(): Promise<void>;
}

const maxUrlLength = 4_096;

export function createAdminServer(options: AdminServerOptions): AdminServer {
	const { log } = options;
	const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, (request, response) => {
		answer(request, options)
			.catch((error: unknown) => toRefusal(error, log))
			.then((result) => send(response, result))
			.catch((error: unknown) => {
				log.error("answer could not be sent", { problem: describeError(error) });
				response.destroy();
			});
	});
	return {
		start: () => listen(server, options.host, options.port),
		port: () => (server.address() as AddressInfo).port,
		close() {
			if (!server.listening) return Promise.resolve();
			const { promise, resolve } = Promise.withResolvers<void>();
			server.close(() => resolve());
			server.closeAllConnections();
			return promise;
		},
	};
}

function listen(server: Server, host: string, port: number): Promise<void> {
	const { promise, resolve, reject } = Promise.withResolvers<void>();
	const fail = (cause: NodeJS.ErrnoException): void => {
		const taken = cause.code === "EADDRINUSE";
		const message = taken
			? `the admin API cannot listen on ${host}:${port}: the port is taken, give another`
			: `the admin API cannot listen on ${host}:${port}`;
		reject(new MeshError(taken ? "ADMIN_PORT_TAKEN" : "ADMIN_ADDRESS_UNUSABLE", message, { cause }));
	};
	server.once("error", fail);
	server.listen(port, host, () => {
		server.off("error", fail);
		resolve();
	});
	return promise;
}

async function answer(request: IncomingMessage, options: AdminServerOptions): Promise<AdminResponse> {
	checkHost(request);
	const target = request.url ?? "/";
	if (target.length > maxUrlLength) throw new AdminError(414, "URL_TOO_LONG", `longer than ${maxUrlLength} characters`);
	const mark = target.indexOf("?");
	const path = mark === -1 ? target : target.slice(0, mark);
	// Before anything else is told, so that a stranger does not even learn which objects there are.
	const isPrivate = path === "/v1" || path.startsWith("/v1/");
	const principal = isPrivate ? authenticate(request, options.tokens) : nobody;
	const method = request.method ?? "GET";
	const { endpoint, params } = findEndpoint(options.endpoints, method, path);
	if (isPrivate) authorize(principal, endpoint, method, path, options.log);
	const body = await readBody(request, endpoint.maxBodyBytes ?? 0);
	const query = new URLSearchParams(mark === -1 ? "" : target.slice(mark));
	return endpoint.answer({ params, query, body, principal });
}

const nobody: Principal = { name: "anonymous", role: "viewer" };

function authorize(principal: Principal, endpoint: Endpoint, method: string, path: string, log: Log): void {
	const needed = endpoint.role ?? (method === "GET" ? "viewer" : "admin");
	try {
		checkRole(principal, needed);
	} catch (error) {
		log.warn("audit: refused", { who: principal.name, role: principal.role, method, path });
		throw error;
	}
	// What machines do by the second is in the metrics.
	if (needed === "editor") log.info("audit: allowed", { who: principal.name, role: principal.role, method, path });
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of request as AsyncIterable<Buffer>) {
		size += chunk.length;
		if (size > maxBytes)
			throw maxBytes === 0
				? new AdminError(413, "BODY_UNEXPECTED", "this request takes no body")
				: new AdminError(413, "BODY_TOO_LARGE", `the body is larger than ${maxBytes} bytes`);
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString("utf8");
}

/** An expected error says what it is; anything else is ours, and told only to the log. */
function toRefusal(error: unknown, log: Log): AdminResponse {
	if (error instanceof AdminError) {
		const { status, code, message, details } = error;
		return { status, body: { error: { code, message }, ...details } };
	}
	if (error instanceof MeshError) {
		const message = describeError(error);
		return { status: isStoreAway(error) ? 503 : 400, body: { error: { code: error.code, message } } };
	}
	log.error("admin request failed", { problem: describeError(error), stack: (error as Error).stack });
	return { status: 500, body: { error: { code: "INTERNAL", message: "internal error, see the log" } } };
}

/** Whether the same request may do better later. */
function isStoreAway({ code }: MeshError): boolean {
	return ["STORE_UNAVAILABLE", "STORE_BUSY", "STORE_CLOSED", "STORE_FULL", "STORE_FORBIDDEN"].includes(code);
}

function send(response: ServerResponse, result: AdminResponse): void {
	const isText = typeof result.body === "string";
	const payload =
		result.body === undefined ? "" : isText ? (result.body as string) : `${JSON.stringify(result.body)}\n`;
	const status = result.status ?? 200;
	response.writeHead(status, {
		"content-type": result.contentType ?? (isText ? "text/plain; charset=utf-8" : "application/json"),
		"content-length": Buffer.byteLength(payload),
		"cache-control": "no-store",
		"x-content-type-options": "nosniff",
		"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
		...(status === 401 && { "www-authenticate": "Bearer" }),
		// What is left of a refused body must not be taken for the next request.
		...(status === 413 && { connection: "close" }),
	});
	response.end(payload);
}
