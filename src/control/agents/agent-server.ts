import { generateKeyPairSync } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { type Clock, describeError, type Log, MeshError, type Timer } from "../../core/index.ts";
import {
	type Authority,
	createSigningRequest,
	readCertificates,
	trustDomainOf,
	validateLeaf,
} from "../../identity/index.ts";
import { parseSpiffeId, type SpiffeId } from "../../model/index.ts";
import { AdminError, type AdminResponse, type AdminServer, readBody, send, toRefusal } from "../admin/index.ts";
import type { AgentEndpoints } from "./agent-endpoints.ts";

export interface AgentServerOptions {
	readonly host: string;
	/** 0 chooses a free one. */
	readonly port: number;
	readonly authority: Authority;
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
const ttlMs = 24 * 3_600_000;
const retryMs = 60_000;

/** Creates the server; its certificate is the control plane's own SVID, `spiffe://<trust domain>/amime/server`, renewed as it gets old
 *  and whenever the authority changes. Agents show theirs; whoever has none may attest and nothing else. */
export function createAgentServer(options: AgentServerOptions): AgentServer {
	const { authority, clock, endpoints } = options;
	const log = options.log.child("agents");
	let server: Server | undefined;
	let timer: Timer | undefined;
	let isClosed = false;
	let stopFollowing: (() => void) | undefined;

	async function createContext() {
		const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
		const spiffeId = parseSpiffeId(`spiffe://${authority.trustDomain}/amime/server`);
		const csr = createSigningRequest(privateKey, { names: [{ kind: "uri", value: spiffeId }] });
		const { chain, notAfter } = await authority.sign({ csr, spiffeId, ttlMs });
		const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
		schedule((notAfter - clock.wall()) / 2);
		return { cert: chain, key, ca: authority.bundle().pem };
	}

	function schedule(ms: number): void {
		timer?.cancel();
		if (!isClosed) timer = clock.setTimer(Math.max(ms, 1000), renew, { unref: true });
	}

	function renew(): void {
		createContext().then(
			(context) => server?.setSecureContext(context),
			(error: unknown) => {
				log.error("certificate of the agents' server not renewed", { error: describeError(error), retryInMs: retryMs });
				schedule(retryMs);
			},
		);
	}

	async function answer(request: IncomingMessage): Promise<AdminResponse> {
		const target = request.url ?? "/";
		if (target.length > maxUrlLength)
			throw new AdminError(414, "URL_TOO_LONG", `longer than ${maxUrlLength} characters`);
		const url = new URL(target, "https://server");
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
			const context = await createContext();
			server = createServer(
				{
					...context,
					minVersion: "TLSv1.3",
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
			await listen(server, options.host, options.port);
			stopFollowing = authority.onChange(renew);
			log.info("agents served", { port: (server.address() as AddressInfo).port });
		},
		port: () => (server === undefined ? options.port : (server.address() as AddressInfo).port),
		close() {
			isClosed = true;
			timer?.cancel();
			stopFollowing?.();
			endpoints.close();
			if (server?.listening !== true) return Promise.resolve();
			const { promise, resolve } = Promise.withResolvers<void>();
			server.close(() => resolve());
			server.closeAllConnections();
			return promise;
		},
	};
}

/** Whose certificate the peer showed: one of the own trust domain, in its time, whose chain the handshake has checked. */
function peerOf(
	socket: TLSSocket,
	trustDomain: string,
	now: number,
): { readonly spiffeId: SpiffeId; readonly serial: string } | undefined {
	const certificate = socket.getPeerX509Certificate();
	if (certificate === undefined || !socket.authorized) return undefined;
	const [leaf] = readCertificates(certificate.toString());
	const checked = leaf === undefined ? undefined : validateLeaf(leaf);
	if (checked?.ok !== true || trustDomainOf(checked.value) !== trustDomain) return undefined;
	return leaf!.notAfter > now ? { spiffeId: checked.value, serial: leaf!.serial } : undefined;
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
