import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import type { TlsSession } from "../../engine/format/index.ts";
import type { StreamSocket } from "../../os/index.ts";
import type { DownstreamTlsConfig } from "../runtime-config/index.ts";
import { type CertificateSecret, readSubjectAltNames, type SecretSource } from "../secret/index.ts";
import type { TlsStats } from "../stats/index.ts";
import { serverTls13Ciphers, type TlsMaterial, TlsMaterialSource } from "./secure-context.ts";
import { describeTlsFault, describeVerifyFault, isTlsFault } from "./tls-faults.ts";
import { createTlsSession } from "./tls-session.ts";
import { hasPeerRules, verifyHandshake } from "./verify-handshake.ts";

/** How a handshake with a client ended; exactly one of the two is called. */
export interface HandshakeOutcome {
	onSecure(socket: TLSSocket, session: TlsSession): void;
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
	return {
		accept(socket, outcome) {
			const material = source.get();
			if (material === undefined || material.byCertificate.length === 0) {
				stats.socketFactory.downstream_context_secrets_not_ready.value++;
				socket.destroy();
				outcome.onRefused("TLS secrets are not there yet");
				return;
			}
			shakeHands(config, material, socket, stats, outcome);
		},
	};
}

function shakeHands(
	config: DownstreamTlsConfig,
	material: TlsMaterial,
	socket: StreamSocket,
	stats: TlsStats,
	outcome: HandshakeOutcome,
): void {
	const { validation } = material;
	const wantsCertificate = config.requireClientCertificate || validation !== undefined;
	// Rules about names or pins can only be met by a certificate, as in Envoy.
	const needsCertificate = config.requireClientCertificate || (validation !== undefined && hasPeerRules(validation));
	const { alpnProtocols } = config;
	const secured = new TLSSocket(socket as Socket, {
		isServer: true,
		secureContext: material.context,
		requestCert: wantsCertificate,
		// Makes the library refuse an absent certificate within the handshake; the chain is judged below.
		rejectUnauthorized: needsCertificate,
		...(alpnProtocols.length > 0
			? {
					// Without a common protocol the connection goes on without one, as in Envoy: the library would break it off, so the
					// client gets the first one it named.
					ALPNCallback: ({ protocols }: { readonly protocols: readonly string[] }) =>
						alpnProtocols.find((protocol) => protocols.includes(protocol)) ?? protocols[0],
				}
			: {}),
		...(material.byCertificate.length > 1 || config.requireSni
			? { SNICallback: createSniCallback(material, config.requireSni) }
			: {}),
	});
	let settled = false;
	const refuse = (reason: string): void => {
		if (settled) return;
		settled = true;
		secured.destroy();
		outcome.onRefused(reason);
	};
	secured.on("error", (error: NodeJS.ErrnoException) => {
		if (settled) return;
		if (error.code === "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE") stats.ssl.fail_verify_no_cert.value++;
		else if (isTlsFault(error)) stats.ssl.connection_error.value++;
		refuse(describeTlsFault(error));
	});
	// Sockets are half-open here: the client's end alone would leave an unfinished handshake lying about.
	secured.once("end", () => refuse(""));
	secured.once("close", () => refuse(""));
	secured.once("secure", () => {
		const peer = secured.getPeerX509Certificate();
		const verdict = verifyHandshake(secured, peer, validation, needsCertificate);
		if (verdict.kind === "refused") {
			if (verdict.cause === "no-certificate") stats.ssl.fail_verify_no_cert.value++;
			else if (verdict.cause === "name") stats.ssl.fail_verify_san.value++;
			else stats.ssl.fail_verify_error.value++;
			refuse(describeVerifyFault(verdict.reason));
			return;
		}
		if (settled) return;
		settled = true;
		if (verdict.forgiven) stats.ssl.fail_verify_error.value++;
		const session = createTlsSession(secured, peer, verdict.kind === "verified");
		stats.ssl.handshake.value++;
		if (secured.isSessionReused()) stats.ssl.session_reused.value++;
		if (peer === undefined) stats.ssl.no_certificate.value++;
		stats.recordHandshake({ cipher: session.cipher, version: session.version });
		outcome.onSecure(secured, session);
	});
}

type SniCallback = (serverName: string, done: (error: Error | null, context?: SecureContext) => void) => void;

/** Chooses the certificate that names the server: exactly, by wildcard, else the first. */
function createSniCallback(material: TlsMaterial, requireSni: boolean): SniCallback {
	const byName = new Map<string, SecureContext>();
	for (const { certificate, context } of material.byCertificate) {
		for (const name of readCertificateNames(certificate)) if (!byName.has(name)) byName.set(name, context);
	}
	return (serverName, done) => {
		const name = serverName.toLowerCase();
		if (requireSni && name === "") {
			done(new Error("no server name was asked for"));
			return;
		}
		done(null, byName.get(name) ?? byName.get(`*${name.slice(Math.max(0, name.indexOf(".")))}`) ?? material.context);
	};
}

function readCertificateNames({ cert }: CertificateSecret): readonly string[] {
	if (cert === undefined) return [];
	return readSubjectAltNames(new X509Certificate(cert))
		.filter(({ type }) => type === "dns")
		.map(({ value }) => value.toLowerCase());
}
