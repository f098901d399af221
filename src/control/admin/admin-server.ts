import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { describeError, type Log, MeshError } from "../../core/index.ts";
import { followConnections } from "../follow-connections.ts";
import {
	type AccessToken,
	authenticate,
	type CertificateHolder,
	checkHost,
	checkRole,
	type Principal,
} from "./access.ts";
import { identifyByCertificate } from "./client-certificate.ts";
import { readBody, send, toRefusal } from "./http-answer.ts";
import { AdminError, type AdminResponse, type Endpoint, findEndpoint } from "./router.ts";

export interface AdminServerOptions {
	readonly host: string;
	/** 0 chooses a free one. */
	readonly port: number;
	/** At least one. */
	readonly tokens: readonly AccessToken[];
	/** In plain text without it. */
	readonly tls?: AdminTls;
	readonly endpoints: readonly Endpoint[];
	readonly log: Log;
}

/** TLS of the admin API, and who is known by a client certificate. */
export interface AdminTls {
	/** PEM; `ca` are the roots of clients. */
	readonly context: () => { readonly cert: string; readonly key: string; readonly ca?: string };
	/** Calls back when the context is another; returns how to stop. */
	readonly onChange: (listener: () => void) => () => void;
	readonly holders: readonly CertificateHolder[];
	/** Whether a SPIFFE ID may do everything without being listed. */
	readonly isAdmin: (spiffeId: string) => boolean;
}

// A new secure context without it would go back to Node's own floor.
const protocol = { minVersion: "TLSv1.2" } as const;

/** Whoever has no certificate may have a token; one that is not good is refused with its first request and the reason. Without roots of clients
 *  none is asked for: those of the web say nothing of who may do what here. */
function readTls({ context }: AdminTls) {
	const own = context();
	return { ...own, ...protocol, requestCert: own.ca !== undefined, rejectUnauthorized: false };
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
	const { log, tls } = options;
	const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
		answer(request, options)
			.catch((error: unknown) => toRefusal(error, log))
			.then((result) => send(response, result))
			.catch((error: unknown) => {
				log.error("answer could not be sent", { problem: describeError(error) });
				response.destroy();
			});
	};
	const limits = { requestTimeout: 30_000, headersTimeout: 10_000 };
	const secure = tls === undefined ? undefined : createTlsServer({ ...limits, ...readTls(tls) }, onRequest);
	secure?.on("tlsClientError", (error, { remoteAddress }) => {
		log.warn("audit: refused", { what: "admin", peer: remoteAddress, reason: describeError(error) });
	});
	const stop = tls?.onChange(() => secure?.setSecureContext({ ...tls.context(), ...protocol }));
	const server: Server = secure ?? createServer(limits, onRequest);
	const end = followConnections(server);
	return {
		start: () => listen(server, options.host, options.port),
		port: () => (server.address() as AddressInfo).port,
		answerFor: (request, principal) => answerAs(request, options, () => principal),
		close() {
			stop?.();
			return end();
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
	const { tls, tokens, log } = options;
	if (tls === undefined) checkHost(request);
	return answerAs(request, options, () => {
		try {
			const known = tls && identifyByCertificate(request, tls.holders, tls.isAdmin);
			return known ?? authenticate(request, tokens);
		} catch (error) {
			const { method, url, socket } = request;
			log.warn("audit: refused", { method, path: url, peer: socket.remoteAddress, reason: describeError(error) });
			throw error;
		}
	});
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
	const isPrivate = path === "/v1" || path.startsWith("/v1/") || (isExposed(options) && path !== "/ready");
	const principal = isPrivate ? identify() : nobody;
	const method = request.method ?? "GET";
	const { endpoint, params } = findEndpoint(options.endpoints, method, path);
	if (isPrivate) authorize(principal, endpoint, method, path, options.log);
	const body = await readBody(request, endpoint.maxBodyBytes ?? 0);
	const query = new URLSearchParams(mark === -1 ? "" : target.slice(mark));
	return endpoint.answer({ params, query, body, principal });
}

/** Whether others than this machine's processes reach it: then numbers and pages are for those with a role as well. */
function isExposed({ host }: AdminServerOptions): boolean {
	return !host.startsWith("127.") && host !== "::1";
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
