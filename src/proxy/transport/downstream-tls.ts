import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import type { TlsSession } from "../../engine/format/index.ts";
import { acceptTls, findStreamHandles, HandleSocket, type StreamHandles, type StreamSocket } from "../../os/index.ts";
import type { DownstreamTlsConfig } from "../runtime-config/index.ts";
import type { SecretSource } from "../secret/index.ts";
import type { TlsStats } from "../stats/index.ts";
import { factsOf, type HandshakeFacts } from "./handshake-facts.ts";
import { peekServerName } from "./peek-server-name.ts";
import { countSdsUpdates } from "./sds-updates.ts";
import { serverTls13Ciphers, type TlsMaterial, TlsMaterialSource } from "./secure-context.ts";
import { TicketThrift } from "./ticket-thrift.ts";
import { describeTlsFault, describeVerifyFault, isTlsFault } from "./tls-faults.ts";
import { createTlsSession } from "./tls-session.ts";
import { countPeerFault, demandsOfClient, verifyHandshake } from "./verify-handshake.ts";

/** How a handshake with a client ended; exactly one of the two is called. */
export interface HandshakeOutcome {
	onSecure(socket: StreamSocket, session: TlsSession): void;
	/** The socket is destroyed already. */
	onRefused(reason: string, session?: TlsSession): void;
}

/** The TLS side of a filter chain. */
export interface DownstreamTls {
	/** Takes over an accepted socket and shakes hands. Bytes that were read before must have been unshifted. */
	accept(socket: StreamSocket, outcome: HandshakeOutcome): void;
	/** The chain is gone. */
	close(): void;
}

/** Creates the TLS side of a filter chain; secrets are looked up at each handshake. */
export function createDownstreamTls(
	config: DownstreamTlsConfig,
	secrets: SecretSource,
	stats: TlsStats,
): DownstreamTls {
	const source = new TlsMaterialSource(
		config,
		{
			defaultMinimum: "TLSv1.2",
			defaultMaximum: "TLSv1.3",
			preferServerCiphers: !config.preferClientCiphers,
			sessionTimeoutSeconds:
				config.sessionTimeoutMs === undefined ? undefined : Math.ceil(config.sessionTimeoutMs / 1000),
			tls13Ciphers: serverTls13Ciphers,
			resumption: {
				disablesTickets: config.disableStatelessResumption,
				keepsSessions: !config.disableStatefulResumption,
			},
			fullScanOnMismatch: config.fullScanOnSniMismatch,
		},
		secrets,
	);
	const thrift = new TicketThrift();
	return {
		close: countSdsUpdates(config, secrets, stats.socketFactory.ssl_context_update_by_sds),
		accept(socket, outcome) {
			const material = source.get();
			if (material === undefined || !material.hasCertificate) {
				stats.socketFactory.downstream_context_secrets_not_ready.value++;
				socket.destroy();
				outcome.onRefused("TLS secrets are not there yet");
				return;
			}
			const { contextFor } = material;
			if (!material.mixesKeys || contextFor === undefined) {
				new Handshake(config, material, stats, thrift, outcome).run(socket);
				return;
			}
			// In its callback for server names the library takes one certificate of a context: here it must have two kinds to choose from.
			peekServerName(socket, (serverName) => {
				const chosen = { ...material, context: contextFor(serverName), contextFor: undefined };
				new Handshake(config, chosen, stats, thrift, outcome).run(socket);
			});
		},
	};
}

/** One client's handshake. */
class Handshake {
	readonly #config: DownstreamTlsConfig;
	readonly #material: TlsMaterial;
	readonly #stats: TlsStats;
	readonly #thrift: TicketThrift;
	readonly #outcome: HandshakeOutcome;
	readonly #wantsCertificate: boolean;
	readonly #needsCertificate: boolean;
	readonly #context: SecureContext;
	readonly #keepsSession: boolean;
	#settled = false;

	constructor(
		config: DownstreamTlsConfig,
		material: TlsMaterial,
		stats: TlsStats,
		thrift: TicketThrift,
		outcome: HandshakeOutcome,
	) {
		this.#config = config;
		this.#material = material;
		this.#stats = stats;
		this.#thrift = thrift;
		this.#outcome = outcome;
		const { validation } = material;
		const { asks, needs } = demandsOfClient(validation, config.requireClientCertificate);
		this.#wantsCertificate = asks;
		this.#needsCertificate = needs;
		const gives = material.mixesKeys || config.disableStatelessResumption || thrift.givesTickets();
		this.#keepsSession = gives && material.keepsSessions;
		this.#context = gives ? material.context : material.withoutTickets();
	}

	run(socket: StreamSocket): void {
		const handles = findStreamHandles();
		if (handles !== undefined && socket instanceof HandleSocket) this.#runOnHandle(handles, socket);
		else this.#runOnSocket(socket as Socket);
	}

	#runOnHandle(handles: StreamHandles, below: HandleSocket): void {
		const options = {
			context: this.#context,
			requestsCertificate: this.#wantsCertificate,
			refusesUnauthorized: this.#needsCertificate,
			keepsSession: this.#keepsSession,
			chooseProtocol: this.#chooseProtocol,
			chooseContext: this.#chooseContext,
		};
		acceptTls(handles, below, options, {
			onSecure: (socket, facts) => this.#judge(socket, facts),
			onFault: (error) => this.#onFault(error, below),
			onGone: () => this.#refuse("", below),
		});
	}

	/** By Node's own TLS. */
	#runOnSocket(socket: Socket): void {
		const choose = this.#chooseContext;
		const chooseProtocol = this.#chooseProtocol;
		const secured = new TLSSocket(socket, {
			isServer: true,
			secureContext: this.#context,
			requestCert: this.#wantsCertificate,
			// Makes the library refuse an absent certificate within the handshake; the chain is judged below.
			rejectUnauthorized: this.#needsCertificate,
			...(chooseProtocol === undefined
				? {}
				: { ALPNCallback: ({ protocols }: { readonly protocols: readonly string[] }) => chooseProtocol(protocols) }),
			...(choose === undefined
				? {}
				: {
						SNICallback(serverName: string, done: (error: Error | null, context?: SecureContext) => void) {
							const chosen = choose(serverName);
							if (chosen instanceof Error) done(chosen);
							else done(null, chosen);
						},
					}),
		});
		secured.on("error", (error: NodeJS.ErrnoException) => this.#onFault(error, secured));
		// Sockets are half-open here: the client's end alone would leave an unfinished handshake lying about.
		secured.once("end", () => this.#refuse("", secured));
		secured.once("close", () => this.#refuse("", secured));
		secured.once("secure", () => this.#judge(secured, factsOf(secured)));
	}

	/** Without a common protocol the connection goes on without one, as in Envoy: the library would break it off, so the client gets the
	 *  first one it named. */
	get #chooseProtocol(): ((protocols: readonly string[]) => string | undefined) | undefined {
		const { alpnProtocols } = this.#config;
		if (alpnProtocols.length === 0) return undefined;
		return (protocols) => alpnProtocols.find((protocol) => protocols.includes(protocol)) ?? protocols[0];
	}

	get #chooseContext(): ((serverName: string) => SecureContext | Error) | undefined {
		const { contextFor, context } = this.#material;
		if (!this.#config.requireSni) return contextFor;
		return (serverName) => {
			if (serverName === "") return new Error("no server name was asked for");
			return contextFor?.(serverName) ?? context;
		};
	}

	#onFault(error: NodeJS.ErrnoException, socket: StreamSocket): void {
		if (this.#settled) return;
		const { ssl } = this.#stats;
		if (error.code === "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE") ssl.fail_verify_no_cert.value++;
		else if (isTlsFault(error)) ssl.connection_error.value++;
		this.#refuse(describeTlsFault(error), socket);
	}

	#refuse(reason: string, socket: StreamSocket, session?: TlsSession): void {
		if (this.#settled) return;
		this.#settled = true;
		// On a handle the library is still at work below, and its alert on its way.
		if (!(socket instanceof HandleSocket)) socket.destroy();
		this.#outcome.onRefused(reason, session);
	}

	#judge(socket: StreamSocket, facts: HandshakeFacts): void {
		const { ssl } = this.#stats;
		const { validation, localOf } = this.#material;
		const peer = facts.getPeerX509Certificate();
		const verdict = verifyHandshake(facts, peer, validation, this.#needsCertificate);
		if (verdict.kind === "refused") {
			countPeerFault(this.#stats, verdict.cause);
			const session = createTlsSession(facts, peer, false, localOf);
			this.#refuse(describeVerifyFault(verdict.reason), socket, session);
			if (socket instanceof HandleSocket) setImmediate(() => socket.destroy());
			return;
		}
		if (this.#settled) return;
		this.#settled = true;
		if (verdict.kind === "unverified" && verdict.forgiven !== undefined) countPeerFault(this.#stats, verdict.forgiven);
		const session = createTlsSession(facts, peer, verdict.kind === "verified", localOf);
		ssl.handshake.value++;
		if (facts.isSessionReused()) {
			ssl.session_reused.value++;
			this.#thrift.onReuse();
		}
		if (peer === undefined) ssl.no_certificate.value++;
		this.#stats.recordHandshake({ cipher: session.cipher, version: session.version });
		this.#outcome.onSecure(socket, session);
	}
}
