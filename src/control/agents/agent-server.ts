import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { type Clock, describeError, type Log, MeshError } from "../../core/index.ts";
import type { Authority } from "../../identity/index.ts";
import type { SpiffeId } from "../../model/index.ts";
import { AdminError, type AdminResponse, type AdminServer, readBody, send, toRefusal } from "../admin/index.ts";
import { followConnections } from "../follow-connections.ts";
import { peerOf } from "../peer-identity.ts";
import type { ServerCertificate } from "../server-certificate.ts";
import type { AgentEndpoints } from "./agent-endpoints.ts";

export interface AgentServerOptions {
	readonly host: string;
	/** 0 chooses a free one. */
	readonly port: number;
	readonly authority: Pick<Authority, "trustDomain">;
	readonly certificate: ServerCertificate;
	readonly endpoints: AgentEndpoints;
	/** Answers what only those may ask that have an entry with `admin`. */
	readonly admin: Pick<AdminServer, "answerFor">;
	readonly isAdmin: (spiffeId: SpiffeId) => boolean;
	readonly clock: Clock;
	readonly log: Log;
}

/** Where agents attest and have their identities signed: JSON over TLS 1.3. */
export interface AgentServer {
	/** @throws MeshError `AGENT_ADDRESS_UNUSABLE` */
	start(): Promise<void>;
	port(): number;
	close(): Promise<void>;
}

const maxBodyBytes = 256 * 1024;
const maxUrlLength = 4_096;
// A new secure context without it would go back to Node's own floor.
const protocol = { minVersion: "TLSv1.3" } as const;

/** Creates the server; its certificate is the control plane's own. Agents show theirs; whoever has none may attest and nothing else. */
export function createAgentServer(options: AgentServerOptions): AgentServer {
	const { authority, certificate, clock, endpoints } = options;
	const log = options.log.child("agents");
	let server: Server | undefined;
	let end: (() => Promise<void>) | undefined;
	let stopFollowing: (() => void) | undefined;

	async function answer(request: IncomingMessage): Promise<AdminResponse> {
		const target = request.url ?? "/";
		if (target.length > maxUrlLength)
			throw new AdminError(414, "URL_TOO_LONG", `longer than ${maxUrlLength} characters`);
		const url = URL.parse(target, "https://server");
		if (url === null) throw new AdminError(404, "PATH_UNKNOWN", `no such path: ${target}`);
		const route = endpoints.routes.get(`${request.method} ${url.pathname}`);
		const peer = peerOf(request.socket as TLSSocket, authority.trustDomain, clock.wall());
		if (route === undefined && peer !== undefined && options.isAdmin(peer.spiffeId))
			return options.admin.answerFor(request, { name: peer.spiffeId, role: "admin" });
		if (route === undefined) throw new AdminError(404, "PATH_UNKNOWN", `no such path: ${url.pathname}`);
		const body = await readBody(request, maxBodyBytes);
		return { body: await route({ peer: peer?.spiffeId, serial: peer?.serial, query: url.searchParams, body }) };
	}

	return {
		async start() {
			server = createServer(
				{
					...certificate.context(),
					...protocol,
					requestCert: true,
					// Whoever attests has none yet; every other path asks who the peer is.
					rejectUnauthorized: false,
					requestTimeout: 30_000,
					headersTimeout: 10_000,
				},
				(request, response) => {
					answer(request)
						.catch((error: unknown) => toRefusal(error, log))
						.then((result) => send(response, result))
						.catch((error: unknown) => {
							log.error("answer could not be sent", { problem: describeError(error) });
							response.destroy();
						});
				},
			);
			end = followConnections(server);
			await listen(server, options.host, options.port);
			stopFollowing = certificate.onChange((context) => server?.setSecureContext({ ...context, ...protocol }));
			log.info("agents served", { port: (server.address() as AddressInfo).port });
		},
		port: () => (server === undefined ? options.port : (server.address() as AddressInfo).port),
		close() {
			stopFollowing?.();
			endpoints.close();
			return end?.() ?? Promise.resolve();
		},
	};
}

function listen(server: Server, host: string, port: number): Promise<void> {
	const { promise, resolve, reject } = Promise.withResolvers<void>();
	const fail = (cause: Error): void =>
		reject(
			new MeshError("AGENT_ADDRESS_UNUSABLE", `agents cannot be served on ${host}:${port}: give another address`, {
				cause,
			}),
		);
	server.once("error", fail);
	server.listen(port, host, () => {
		server.off("error", fail);
		resolve();
	});
	return promise;
}
