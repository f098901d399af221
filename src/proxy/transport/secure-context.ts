import { constants, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";
import { canTuneContexts, type SessionRules, tuneContext } from "../../os/index.ts";
import type { CommonTlsConfig, TlsVersion } from "../runtime-config/index.ts";
import type { CertificateSecret, SecretSource, TicketKeysSecret, ValidationSecret } from "../secret/index.ts";
import { type CertificateGroup, createCertificateChoice } from "./certificate-choice.ts";
import { formatKeyExchanges } from "./key-exchange.ts";

/** What handshakes begin with: Node's context, and what the peer must satisfy beyond its chain. */
export interface TlsMaterial {
	readonly context: SecureContext;
	/** Whether there is any certificate of ours. */
	readonly hasCertificate: boolean;
	/** Chooses among several certificates by the server's name; undefined where there is nothing to choose. */
	readonly contextFor: ((serverName: string) => SecureContext) | undefined;
	/** Whether there are certificates of both kinds of key, so that a context may hold two. */
	readonly mixesKeys: boolean;
	/** Whether the contexts keep sessions, all but {@link withoutTickets}. */
	readonly keepsSessions: boolean;
	/** The first context, without session tickets. */
	withoutTickets(): SecureContext;
	/** Our certificate, where there is one only and it is plain PEM. */
	readonly localOf: (() => X509Certificate | undefined) | undefined;
	/** Undefined: the peer is not verified. */
	readonly validation: ValidationSecret | undefined;
}

export interface ContextRules {
	readonly defaultMinimum: TlsVersion;
	readonly defaultMaximum: TlsVersion;
	readonly preferServerCiphers: boolean;
	readonly sessionTimeoutSeconds: number | undefined;
	/** In order of preference. */
	readonly tls13Ciphers: readonly string[];
	/** How clients come back; undefined: these are clients. */
	readonly resumption: ResumptionRules | undefined;
	/** With several certificates a server name that none stands for is treated as no name. */
	readonly fullScanOnMismatch: boolean;
}

export interface ResumptionRules {
	/** No session tickets are given out. */
	readonly disablesTickets: boolean;
	/** Sessions are kept here, when they are not kept by clients. */
	readonly keepsSessions: boolean;
}

/** Sessions that a context keeps: at some 5 KB each. */
const maxKeptSessions = 2048;

/** What clients offer. */
export const clientTls13Ciphers: readonly string[] = [
	"TLS_AES_128_GCM_SHA256",
	"TLS_AES_256_GCM_SHA384",
	"TLS_CHACHA20_POLY1305_SHA256",
];

/** Envoy lets the client choose among these; the library lets the server choose, and this is the order of Envoy, of Go and of browsers. */
export const serverTls13Ciphers: readonly string[] = clientTls13Ciphers;

/** Makes contexts from secrets, once per version of them: a rotated secret is for handshakes that begin later. */
export class TlsMaterialSource {
	readonly #config: CommonTlsConfig;
	readonly #rules: ContextRules;
	readonly #secrets: SecretSource;
	#current: TlsMaterial | undefined;
	#certificates: readonly CertificateSecret[] = [];
	#validation: ValidationSecret | "none" | undefined;
	#ticketKeys: TicketKeysSecret | "none" = "none";

	constructor(config: CommonTlsConfig, rules: ContextRules, secrets: SecretSource) {
		this.#config = config;
		this.#rules = rules;
		this.#secrets = secrets;
	}

	/** Undefined while a secret has not come. */
	get(): TlsMaterial | undefined {
		const certificates: CertificateSecret[] = [];
		for (const source of this.#config.certificates) {
			const certificate = this.#secrets.certificate(source);
			if (certificate === undefined) return undefined;
			certificates.push(certificate);
		}
		const validation = this.#secrets.validation(this.#config.validation);
		if (validation === undefined) return undefined;
		const ticketKeys = this.#secrets.ticketKeys(this.#config.ticketKeys);
		if (ticketKeys === undefined) return undefined;
		const isSame =
			this.#current !== undefined &&
			this.#ticketKeys === ticketKeys &&
			this.#validation === validation &&
			this.#certificates.length === certificates.length &&
			this.#certificates.every((certificate, index) => certificate === certificates[index]);
		if (!isSame) {
			this.#ticketKeys = ticketKeys;
			this.#current = this.#create(certificates, validation === "none" ? undefined : validation);
			this.#certificates = certificates;
			this.#validation = validation;
		}
		return this.#current;
	}

	#create(certificates: readonly CertificateSecret[], validation: ValidationSecret | undefined): TlsMaterial {
		const shared = this.#sharedOptions(certificates[0], validation);
		const choose =
			certificates.length > 1
				? createCertificateChoice(certificates, this.#rules.fullScanOnMismatch)
				: (): CertificateGroup => certificates;
		const contexts = new Map<string, SecureContext>();
		const contextFor = (serverName: string): SecureContext => {
			const group = choose(serverName);
			const key = group.map((certificate) => certificates.indexOf(certificate)).join();
			const known = contexts.get(key);
			if (known !== undefined) return known;
			const made = createTuned({ ...shared, ...groupOptions(group, validation) }, this.#sessions());
			contexts.set(key, made);
			return made;
		};
		const [first] = certificates;
		let bare: SecureContext | undefined;
		let local: X509Certificate | undefined;
		return {
			context: contextFor(""),
			hasCertificate: first !== undefined,
			contextFor: certificates.length > 1 ? contextFor : undefined,
			mixesKeys: choose("").length > 1,
			validation,
			keepsSessions: (this.#sessions()?.kept ?? 0) > 0,
			withoutTickets() {
				bare ??= createTuned(
					{ ...shared, ...groupOptions(choose(""), validation), ...optionsOf(noSessions) },
					noSessions,
				);
				return bare;
			},
			localOf:
				certificates.length !== 1 || first?.cert === undefined
					? undefined
					: () => {
							local ??= new X509Certificate(first.cert!);
							return local;
						},
		};
	}

	#sharedOptions(first: CertificateSecret | undefined, validation: ValidationSecret | undefined): SecureContextOptions {
		const { minimumVersion, maximumVersion, cipherSuites, ecdhCurves, signatureAlgorithms } = this.#config;
		const { defaultMinimum, defaultMaximum, preferServerCiphers, sessionTimeoutSeconds } = this.#rules;
		const minVersion = minimumVersion ?? defaultMinimum;
		const maxVersion = maximumVersion ?? defaultMaximum;
		const needsOldDigests = minVersion === "TLSv1" || minVersion === "TLSv1.1";
		// Envoy's groups of equal preference, [A|B], are in the order in which they stand.
		const suites = cipherSuites.flatMap((suite) => suite.replace(/^\[|\]$/g, "").split("|"));
		const ciphers = [...this.#rules.tls13Ciphers, ...(suites.length > 0 ? suites : defaultCiphers)].join(":");
		return {
			minVersion,
			maxVersion,
			// OpenSSL allows TLS 1.0 and 1.1 at security level 0 only.
			ciphers: needsOldDigests ? `${ciphers}:@SECLEVEL=0` : ciphers,
			ecdhCurve: formatKeyExchanges(ecdhCurves),
			...(signatureAlgorithms.length === 0 ? {} : { sigalgs: signatureAlgorithms.join(":") }),
			honorCipherOrder: preferServerCiphers,
			sessionIdContext: "amime",
			...optionsOf(this.#sessions()),
			...(sessionTimeoutSeconds === undefined ? {} : { sessionTimeout: sessionTimeoutSeconds }),
			...ticketOptions(this.#ticketKeys),
			...authorityOptions(first, validation),
			allowPartialTrustChain: true,
		};
	}

	/** To seal a session for the client, and to unseal it with the certificate that is in it, costs more than to keep it; what is sealed with
	 *  a configured key is for other proxies too. Undefined for clients. */
	#sessions(): SessionRules | undefined {
		const { resumption } = this.#rules;
		if (resumption === undefined) return undefined;
		const keeps = resumption.keepsSessions && this.#ticketKeys === "none" && canTuneContexts();
		return { tickets: resumption.disablesTickets ? 0 : ticketsEach, kept: keeps ? maxKeptSessions : 0 };
	}
}

/** A client of a server that asks for another handshake within TLS 1.2 is refused, as by Envoy. Only tickets without a session that is kept
 *  hold one. */
function optionsOf(sessions: SessionRules | undefined): SecureContextOptions {
	if (sessions === undefined) return {};
	const { SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_TICKET } = constants;
	const holdsSessions = sessions.tickets > 0 && sessions.kept === 0;
	return { secureOptions: holdsSessions ? SSL_OP_NO_RENEGOTIATION : SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET };
}

/** Of a context that gives no tickets. */
const noSessions: SessionRules = { tickets: 0, kept: 0 };

/** As Go's servers do: each resumed handshake brings the next one. */
const ticketsEach = 1;

function createTuned(options: SecureContextOptions, sessions: SessionRules | undefined): SecureContext {
	const context = createSecureContext(options);
	tuneContext(context, sessions);
	return context;
}

/** Envoy's default list. */
const defaultCiphers = [
	"ECDHE-ECDSA-AES128-GCM-SHA256",
	"ECDHE-ECDSA-CHACHA20-POLY1305",
	"ECDHE-RSA-AES128-GCM-SHA256",
	"ECDHE-RSA-CHACHA20-POLY1305",
	"ECDHE-ECDSA-AES256-GCM-SHA384",
	"ECDHE-RSA-AES256-GCM-SHA384",
];

/** One certificate, or one of each kind of key: the library takes the one that the client can use, ECDSA first. */
function groupOptions(group: CertificateGroup, validation: ValidationSecret | undefined): SecureContextOptions {
	const pem = group.filter(({ pfx }) => pfx === undefined);
	const packed = group.flatMap(({ pfx, passphrase }) => (pfx === undefined ? [] : [{ buf: pfx, passphrase }]));
	return {
		...(pem.length === 0
			? {}
			: {
					cert: pem.flatMap(({ cert }) => (cert === undefined ? [] : [addIssuer(cert, validation?.ca)])),
					key: pem.flatMap(({ key, passphrase }) => (key === undefined ? [] : [{ pem: key, passphrase }])),
				}),
		...(packed.length === 0 ? {} : { pfx: packed }),
	} as SecureContextOptions;
}

/** The library takes one key, of 16 bytes for the name and each of the two keys: tickets of further keys lead to a whole handshake. */
function ticketOptions(secret: TicketKeysSecret | "none"): SecureContextOptions {
	const key = secret === "none" ? undefined : secret.keys[0];
	if (key === undefined) return {};
	return { ticketKeys: Buffer.concat([key.subarray(0, 32), key.subarray(48, 64)]) };
}

const certificatePattern = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** To a lone certificate a library that was not told otherwise adds the issuer that it finds among the authorities, and checks its signature
 *  for that in every handshake: found here, it is done once. */
function addIssuer(cert: Buffer, authorities: Buffer | undefined): Buffer {
	if (canTuneContexts() || authorities === undefined || cert.toString("latin1").match(certificatePattern)?.length !== 1)
		return cert;
	const leaf = new X509Certificate(cert);
	for (const [text] of authorities.toString("latin1").matchAll(certificatePattern)) {
		if (!leaf.checkIssued(new X509Certificate(text))) continue;
		return Buffer.concat([cert, Buffer.from(`\n${text}\n`, "latin1")]);
	}
	return cert;
}

function authorityOptions(
	first: CertificateSecret | undefined,
	validation: ValidationSecret | undefined,
): SecureContextOptions {
	const crl = validation?.crl === undefined ? {} : { crl: validation.crl.toString("latin1") };
	if (validation?.ca !== undefined) return { ca: validation.ca, ...crl };
	// Without authorities Node would load the system's; unless they are wanted, any certificate keeps them out.
	if (validation?.systemRoots !== true && first?.cert !== undefined) return { ca: first.cert, ...crl };
	return crl;
}
