import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import type { TlsSession } from "../../engine/format/index.ts";
import { acceptTls, findStreamHandles, HandleSocket, type StreamHandles, type StreamSocket } from "../../os/index.ts";
import type { DownstreamTlsConfig } from "../runtime-config/index.ts";
import { type CertificateSecret, readSubjectAltNames, type SecretSource } from "../secret/index.ts";
import type { TlsStats } from "../stats/index.ts";
import { factsOf, type HandshakeFacts } from "./handshake-facts.ts";
import { serverTls13Ciphers, type TlsMaterial, TlsMaterialSource } from "./secure-context.ts";
import { TicketThrift } from "./ticket-thrift.ts";
import { describeTlsFault, describeVerifyFault, isTlsFault } from "./tls-faults.ts";
import { createTlsSession } from "./tls-session.ts";
import { hasPeerRules, verifyHandshake } from "./verify-handshake.ts";

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
			disablesTickets: config.disableStatelessResumption,
		},
		secrets,
	);
	const thrift = new TicketThrift();
	return {
		accept(socket, outcome) {
			const material = source.get();
			if (material === undefined || material.byCertificate.length === 0) {
				stats.socketFactory.downstream_context_secrets_not_ready.value++;
				socket.destroy();
				outcome.onRefused("TLS secrets are not there yet");
				return;
			}
			const handles = findStreamHandles();
			const handshake = new Handshake(config, material, stats, thrift, outcome);
			if (handles !== undefined && socket instanceof HandleSocket) handshake.runOnHandle(handles, socket);
			else handshake.runOnSocket(socket as Socket);
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
		this.#wantsCertificate = config.requireClientCertificate || validation !== undefined;
		// Rules about names or pins can only be met by a certificate, as in Envoy.
		this.#needsCertificate = config.requireClientCertificate || (validation !== undefined && hasPeerRules(validation));
		const gives = config.disableStatelessResumption || thrift.givesTickets();
		this.#context = gives ? material.context : material.withoutTickets();
	}

	runOnHandle(handles: StreamHandles, below: HandleSocket): void {
		const options = {
			context: this.#context,
			requestsCertificate: this.#wantsCertificate,
			refusesUnauthorized: this.#needsCertificate,
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
	runOnSocket(socket: Socket): void {
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
		const { requireSni } = this.#config;
		return this.#material.byCertificate.length > 1 || requireSni
			? createContextChoice(this.#material, requireSni)
			: undefined;
	}

	#onFault(error: NodeJS.ErrnoException, socket: StreamSocket): void {
		if (this.#settled) return;
		const { ssl } = this.#stats;
		if (error.code === "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE") ssl.fail_verify_no_cert.value++;
		else if (isTlsFault(error)) ssl.connection_error.value++;
		this.#refuse(describeTlsFault(error), socket);
	}

	#refuse(reason: string, socket: StreamSocket): void {
		if (this.#settled) return;
		this.#settled = true;
		// On a handle the library is still at work below, and its alert on its way.
		if (!(socket instanceof HandleSocket)) socket.destroy();
		this.#outcome.onRefused(reason);
	}

	#judge(socket: StreamSocket, facts: HandshakeFacts): void {
		const { ssl } = this.#stats;
		const { validation, localOf } = this.#material;
		const peer = facts.getPeerX509Certificate();
		const verdict = verifyHandshake(facts, peer, validation, this.#needsCertificate);
		if (verdict.kind === "refused") {
			if (verdict.cause === "no-certificate") ssl.fail_verify_no_cert.value++;
			else if (verdict.cause === "name") ssl.fail_verify_san.value++;
			else ssl.fail_verify_error.value++;
			this.#refuse(describeVerifyFault(verdict.reason), socket);
			if (socket instanceof HandleSocket) setImmediate(() => socket.destroy());
			return;
		}
		if (this.#settled) return;
		this.#settled = true;
		if (verdict.forgiven) ssl.fail_verify_error.value++;
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

/** Chooses the certificate that names the server: exactly, by wildcard, else the first. */
function createContextChoice(
	material: TlsMaterial,
	requireSni: boolean,
): (serverName: string) => SecureContext | Error {
	const byName = new Map<string, SecureContext>();
	for (const { certificate, context } of material.byCertificate) {
		for (const name of readCertificateNames(certificate)) if (!byName.has(name)) byName.set(name, context);
	}
	return (serverName) => {
		const name = serverName.toLowerCase();
		if (requireSni && name === "") return new Error("no server name was asked for");
		return byName.get(name) ?? byName.get(`*${name.slice(Math.max(0, name.indexOf(".")))}`) ?? material.context;
	};
}

function readCertificateNames({ cert }: CertificateSecret): readonly string[] {
	if (cert === undefined) return [];
	return readSubjectAltNames(new X509Certificate(cert))
		.filter(({ type }) => type === "dns")
		.map(({ value }) => value.toLowerCase());
}
