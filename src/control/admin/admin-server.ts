import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describeError, type Log, MeshError } from "../../core/index.ts";
import { type AccessToken, authenticate, checkHost, checkRole, type Principal } from "./access.ts";
import { readBody, send, toRefusal } from "./http-answer.ts";
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
	/** Answers a request that came another way, by somebody who is known already. */
	answerFor(request: IncomingMessage, principal: Principal): Promise<AdminResponse>;
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
		answerFor: (request, principal) => answerAs(request, options, () => principal),
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
	return answerAs(request, options, () => authenticate(request, options.tokens));
}

async function answerAs(
	request: IncomingMessage,
	options: AdminServerOptions,
	identify: () => Principal,
): Promise<AdminResponse> {
	const target = request.url ?? "/";
	if (target.length > maxUrlLength) throw new AdminError(414, "URL_TOO_LONG", `longer than ${maxUrlLength} characters`);
	const mark = target.indexOf("?");
	const path = mark === -1 ? target : target.slice(0, mark);
	// Before anything else is told, so that a stranger does not even learn which objects there are.
	const isPrivate = path === "/v1" || path.startsWith("/v1/");
	const principal = isPrivate ? identify() : nobody;
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
