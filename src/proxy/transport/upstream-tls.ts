import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { type ConnectionOptions, connect, type SecureContext, type TLSSocket } from "node:tls";
import type { TlsSession } from "../../engine/format/index.ts";
import { connectTls, type HandleConnectOptions, type StreamHandles, type StreamSocket } from "../../os/index.ts";
import type { UpstreamTlsConfig } from "../runtime-config/index.ts";
import type { SecretSource, ValidationSecret } from "../secret/index.ts";
import type { TlsStats } from "../stats/index.ts";
import { curveOf, factsOf, type HandshakeFacts } from "./handshake-facts.ts";
import { countSdsUpdates } from "./sds-updates.ts";
import { clientTls13Ciphers, type TlsMaterial, TlsMaterialSource } from "./secure-context.ts";
import { describeVerifyFault, isTlsFault } from "./tls-faults.ts";
import { createTlsSession } from "./tls-session.ts";
import { countPeerFault, verifyHandshake } from "./verify-handshake.ts";

/** What a connection offers by ALPN. */
export interface AlpnOffer {
	readonly protocols: readonly string[];
	/** Whether they are offered also where the configuration names others. */
	readonly isOverride: boolean;
}

/** What a connection says before it is secured, and in its handshake. */
export interface UpstreamTlsOptions {
	/** In place of the configured one. */
	readonly serverName: string | undefined;
	readonly alpn: AlpnOffer;
	/** Sent in plain text first. */
	readonly greeting: Buffer | undefined;
}

/** The TLS side of a cluster's connections. */
export interface UpstreamTls {
	/** Opens a connection and shakes hands; `serverName` is sent and `alpn` offered when the configuration names none. The
	 *  socket is destroyed with an error that says why when the peer is refused. */
	connect(options: ConnectionOptions, serverName: string | undefined, alpn?: AlpnOffer): TLSSocket;
	/** The same on a handle; undefined when the secrets are not there yet. */
	open(handles: StreamHandles, target: HandleConnectOptions, options: UpstreamTlsOptions): StreamSocket | undefined;
	/** Calls back once, when the peer has passed every check. */
	onReady(socket: StreamSocket, callback: () => void): void;
	/** What the handshake of a ready socket agreed on. */
	sessionOf(socket: object): TlsSession | undefined;
	/** The cluster is gone. */
	close(): void;
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
			resumption: undefined,
			fullScanOnMismatch: false,
		},
		secrets,
	);
	const ready = new WeakMap<StreamSocket, () => void>();
	const sessions = new WeakMap<object, TlsSession>();
	/** The newest session of each server name, for the context it was made with. */
	const tickets = new Map<string, Ticket>();

	/** What a connection begins with; `library` keeps apart what the two ways of connecting call a session. */
	function prepare(
		library: "node" | "handle",
		serverName: string | undefined,
		alpn: AlpnOffer | undefined,
		place: string,
	): Preparation | undefined {
		const material = source.get();
		if (material === undefined) {
			stats.socketFactory.upstream_context_secrets_not_ready.value++;
			return undefined;
		}
		const name = serverName ?? config.sni;
		const ticketKey = `${library} ${name} ${place}`;
		return {
			material,
			name,
			ticketKey,
			ticket: takeTicket(tickets, ticketKey, material.context),
			protocols:
				alpn?.isOverride === true || config.alpnProtocols.length === 0 ? (alpn?.protocols ?? []) : config.alpnProtocols,
			// An IP address is no server name (RFC 6066, section 3).
			serverName: /^[\d.]+$|:/.test(name) ? "" : name,
		};
	}

	/** Judges the peer of a finished handshake; the session that it made is kept once it passed. */
	class Judge {
		readonly #preparation: Preparation;
		#isSecure = false;
		#peer: X509Certificate | undefined;
		#newest: Buffer | undefined;

		constructor(preparation: Preparation) {
			this.#preparation = preparation;
		}

		onSession(session: Buffer): void {
			this.#newest = session;
			this.#keepTicket();
		}

		onError(error: NodeJS.ErrnoException): void {
			if (!this.#isSecure && isTlsFault(error)) stats.ssl.connection_error.value++;
		}

		/** @returns why the peer is refused */
		judge(facts: HandshakeFacts): TlsSession | Error {
			const { material, name, ticket, ticketKey } = this.#preparation;
			const isReused = facts.isSessionReused();
			// A resumed handshake carries no certificate: the peer is the one that the ticket was got from.
			this.#peer = isReused ? ticket?.peer : facts.getPeerX509Certificate();
			const validation = config.certifiesServerName ? requireName(material.validation, name) : material.validation;
			const verdict = verifyHandshake(facts, this.#peer, validation, validation !== undefined);
			if (verdict.kind === "refused") {
				countPeerFault(stats, verdict.cause);
				tickets.delete(ticketKey);
				return new Error(describeVerifyFault(verdict.reason));
			}
			if (certifiesServerName && material.validation !== undefined && !isFor(this.#peer, name)) {
				stats.ssl.fail_verify_san.value++;
				tickets.delete(ticketKey);
				return new Error(describeVerifyFault("verify SAN list"));
			}
			if (verdict.kind === "unverified" && verdict.forgiven !== undefined) countPeerFault(stats, verdict.forgiven);
			this.#isSecure = true;
			this.#keepTicket();
			const session = createTlsSession(facts, this.#peer, verdict.kind === "verified", material.localOf);
			stats.ssl.handshake.value++;
			if (isReused) stats.ssl.session_reused.value++;
			const curve = curveOf(facts);
			const { cipher, version } = session;
			stats.recordHandshake({ cipher, version, ...(curve === undefined ? {} : { curve }) });
			return session;
		}

		#keepTicket(): void {
			if (this.#newest === undefined || !this.#isSecure) return;
			if (tickets.size >= maxTickets) tickets.clear();
			const { material, ticketKey } = this.#preparation;
			tickets.set(ticketKey, { context: material.context, session: this.#newest, peer: this.#peer });
		}
	}

	function connectSocket(options: ConnectionOptions, serverName: string | undefined, alpn?: AlpnOffer): TLSSocket {
		const preparation = prepare("node", serverName, alpn, options.host ?? "");
		const socket = connect({
			...options,
			...(preparation === undefined ? {} : { secureContext: preparation.material.context }),
			servername: preparation?.serverName ?? "",
			rejectUnauthorized: false,
			checkServerIdentity: () => undefined,
			...(preparation !== undefined && preparation.protocols.length > 0
				? { ALPNProtocols: [...preparation.protocols] }
				: {}),
			...(preparation?.ticket === undefined ? {} : { session: preparation.ticket.session }),
		});
		if (preparation === undefined) {
			socket.destroy(new Error("TLS_error:|secrets are not there yet"));
			return socket;
		}
		const judge = new Judge(preparation);
		if (config.maxSessionKeys > 0) socket.on("session", (session) => judge.onSession(session));
		socket.once("error", (error: NodeJS.ErrnoException) => judge.onError(error));
		socket.once("secureConnect", () => {
			const session = judge.judge(factsOf(socket));
			if (session instanceof Error) {
				socket.destroy(session);
				return;
			}
			sessions.set(socket, session);
			ready.get(socket)?.();
			ready.delete(socket);
		});
		return socket;
	}

	function openOnHandle(
		handles: StreamHandles,
		target: HandleConnectOptions,
		{ serverName, alpn, greeting }: UpstreamTlsOptions,
	): StreamSocket | undefined {
		const place = "ip" in target.target ? target.target.ip : target.target.path;
		const preparation = prepare("handle", serverName, alpn, place);
		if (preparation === undefined) return undefined;
		const { material, protocols, ticket } = preparation;
		const judge = new Judge(preparation);
		const options = { context: material.context, serverName: preparation.serverName, protocols, greeting };
		const socket: StreamSocket = connectTls(
			handles,
			target,
			{ ...options, session: ticket?.session },
			{
				judge(handshake) {
					const session = judge.judge(handshake);
					if (session instanceof Error) return session;
					sessions.set(socket, session);
					return undefined;
				},
				onSession: config.maxSessionKeys > 0 ? (session) => judge.onSession(session) : undefined,
			},
		);
		socket.on("error", (error) => judge.onError(error));
		socket.once("connect", () => {
			ready.get(socket)?.();
			ready.delete(socket);
		});
		return socket;
	}

	return {
		connect: connectSocket,
		open: openOnHandle,
		onReady: (socket, callback) => void ready.set(socket, callback),
		sessionOf: (socket) => sessions.get(socket),
		close: countSdsUpdates(config, secrets, stats.socketFactory.ssl_context_update_by_sds),
	};
}

/** What a connection begins with. */
interface Preparation {
	readonly material: TlsMaterial;
	/** Whom it is for: a server name, or an address. */
	readonly name: string;
	readonly ticketKey: string;
	readonly ticket: Ticket | undefined;
	readonly protocols: readonly string[];
	readonly serverName: string;
}

/** Whether a certificate is for a host, by its subject alternative names alone. */
/** The rules with the server name in place of their names; without a server name they stay. */
function requireName(validation: ValidationSecret | undefined, name: string): ValidationSecret | undefined {
	if (validation === undefined || name === "") return validation;
	const matcher = { kind: "exact", value: name, ignoreCase: true } as const;
	return { ...validation, subjectAltNames: [{ type: "dns", matcher }] };
}

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
