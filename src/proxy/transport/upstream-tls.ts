import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { type ConnectionOptions, connect, type SecureContext, type TLSSocket } from "node:tls";
import type { TlsSession } from "../../engine/format/index.ts";
import type { StreamSocket } from "../../os/index.ts";
import type { UpstreamTlsConfig } from "../runtime-config/index.ts";
import type { SecretSource } from "../secret/index.ts";
import type { TlsStats } from "../stats/index.ts";
import { factsOf } from "./handshake-facts.ts";
import { clientTls13Ciphers, TlsMaterialSource } from "./secure-context.ts";
import { describeVerifyFault, isTlsFault } from "./tls-faults.ts";
import { createTlsSession } from "./tls-session.ts";
import { verifyHandshake } from "./verify-handshake.ts";

/** The TLS side of a cluster's connections. */
export interface UpstreamTls {
	/** Opens a connection and shakes hands; `serverName` is sent and `alpnFallback` offered when the configuration names none. The
	 *  socket is destroyed with an error that says why when the peer is refused. */
	connect(options: ConnectionOptions, serverName: string | undefined, alpnFallback?: readonly string[]): TLSSocket;
	/** Calls back once, when the peer has passed every check. */
	onReady(socket: StreamSocket, callback: () => void): void;
	/** What the handshake of a ready socket agreed on. */
	sessionOf(socket: StreamSocket): TlsSession | undefined;
}

/** Creates the TLS side of a cluster; secrets are looked up at each connection.
 *  @param certifiesServerName the peer's certificate must be for the server name that is sent, when certificates are checked at all */
export function createUpstreamTls(
	config: UpstreamTlsConfig,
	secrets: SecretSource,
	stats: TlsStats,
	certifiesServerName = false,
): UpstreamTls {
	const source = new TlsMaterialSource(
		config,
		{
			defaultMinimum: "TLSv1.2",
			defaultMaximum: "TLSv1.3",
			preferServerCiphers: false,
			sessionTimeoutSeconds: undefined,
			tls13Ciphers: clientTls13Ciphers,
			disablesTickets: false,
		},
		secrets,
	);
	const ready = new WeakMap<StreamSocket, () => void>();
	const sessions = new WeakMap<StreamSocket, TlsSession>();
	/** The newest session of each server name, for the context it was made with. */
	const tickets = new Map<string, Ticket>();

	function connectSocket(
		options: ConnectionOptions,
		serverName: string | undefined,
		alpnFallback: readonly string[] = [],
	): TLSSocket {
		const alpn = config.alpnProtocols.length > 0 ? config.alpnProtocols : alpnFallback;
		const material = source.get();
		if (material === undefined) stats.socketFactory.upstream_context_secrets_not_ready.value++;
		const name = serverName ?? config.sni;
		const ticketKey = `${name} ${options.host ?? ""}`;
		const ticket = takeTicket(tickets, ticketKey, material?.context);
		const socket = connect({
			...options,
			...(material === undefined ? {} : { secureContext: material.context }),
			// An IP address is no server name (RFC 6066, section 3).
			servername: /^[\d.]+$|:/.test(name) ? "" : name,
			rejectUnauthorized: false,
			checkServerIdentity: () => undefined,
			...(alpn.length > 0 ? { ALPNProtocols: [...alpn] } : {}),
			...(ticket === undefined ? {} : { session: ticket.session }),
		});
		if (material === undefined) {
			socket.destroy(new Error("TLS_error:|secrets are not there yet"));
			return socket;
		}
		let isSecure = false;
		let peer: X509Certificate | undefined;
		let newest: Buffer | undefined;
		const keepTicket = (): void => {
			if (newest === undefined || !isSecure) return;
			if (tickets.size >= maxTickets) tickets.clear();
			tickets.set(ticketKey, { context: material.context, session: newest, peer });
		};
		if (config.maxSessionKeys > 0) {
			socket.on("session", (session) => {
				newest = session;
				keepTicket();
			});
		}
		socket.once("error", (error: NodeJS.ErrnoException) => {
			if (!isSecure && isTlsFault(error)) stats.ssl.connection_error.value++;
		});
		socket.once("secureConnect", () => {
			// A resumed handshake carries no certificate: the peer is the one that the ticket was got from.
			peer = socket.isSessionReused() ? ticket?.peer : socket.getPeerX509Certificate();
			const facts = factsOf(socket);
			const verdict = verifyHandshake(facts, peer, material.validation, material.validation !== undefined);
			if (verdict.kind === "refused") {
				if (verdict.cause === "name") stats.ssl.fail_verify_san.value++;
				else stats.ssl.fail_verify_error.value++;
				tickets.delete(ticketKey);
				socket.destroy(new Error(describeVerifyFault(verdict.reason)));
				return;
			}
			if (certifiesServerName && material.validation !== undefined && !isFor(peer, name)) {
				stats.ssl.fail_verify_san.value++;
				tickets.delete(ticketKey);
				socket.destroy(new Error(describeVerifyFault(`verify cert failed: SAN matcher: ${name}`)));
				return;
			}
			isSecure = true;
			keepTicket();
			const session = createTlsSession(facts, peer, verdict.kind === "verified", material.localOf);
			stats.ssl.handshake.value++;
			if (socket.isSessionReused()) stats.ssl.session_reused.value++;
			stats.recordHandshake({ cipher: session.cipher, version: session.version });
			sessions.set(socket, session);
			ready.get(socket)?.();
			ready.delete(socket);
		});
		return socket;
	}

	return {
		connect: connectSocket,
		onReady: (socket, callback) => void ready.set(socket, callback),
		sessionOf: (socket) => sessions.get(socket),
	};
}

/** Whether a certificate is for a host, by its subject alternative names alone. */
function isFor(peer: X509Certificate | undefined, host: string): boolean {
	if (peer === undefined || host === "") return false;
	return isIP(host) === 0 ? peer.checkHost(host, { subject: "never" }) !== undefined : peer.checkIP(host) !== undefined;
}

/** A session to resume, and whom it was made with. */
interface Ticket {
	readonly context: SecureContext;
	readonly session: Buffer;
	readonly peer: X509Certificate | undefined;
}

/** Server names whose sessions are kept. */
const maxTickets = 100;

/** A ticket of another context (a rotated secret) or of a peer whose certificate has ended is worth nothing. */
function takeTicket(tickets: Map<string, Ticket>, key: string, context: SecureContext | undefined): Ticket | undefined {
	const ticket = tickets.get(key);
	if (ticket === undefined) return undefined;
	const isCurrent =
		ticket.context === context && (ticket.peer === undefined || ticket.peer.validToDate.getTime() > Date.now());
	if (isCurrent) return ticket;
	tickets.delete(key);
	return undefined;
}
