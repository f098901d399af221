import {
	createPublicKey,
	diffieHellman,
	generateKeyPairSync,
	hash,
	type KeyObject,
	randomBytes,
	timingSafeEqual,
	type X509Certificate,
} from "node:crypto";
import type { ClientOffer } from "../wire/tls-hello/index.ts";
import { alerts, TlsFault } from "./alert.ts";
import { binderOf, type Directions, finishedOf, KeySchedule, ticketKeyOf } from "./key-schedule.ts";
import {
	encodeCertificateVerify,
	encodeExtensions,
	encodeMessage,
	encodeNewSessionTicket,
	encodeServerHello,
	messageHeaderBytes,
	messageType,
	readCertificate,
	readCertificateVerify,
} from "./messages.ts";
import type { Peer } from "./peer-verdicts.ts";
import type { ServerMaterial } from "./server-material.ts";
import { signTranscript, verifyTranscript } from "./signature.ts";
import { chooseSuite, type Suite } from "./suite.ts";
import type { Session } from "./tickets.ts";

/** What a server demands of its clients. */
export interface ServerDemands {
	readonly requestsCertificate: boolean;
	/** A client without a certificate is turned away. */
	readonly refusesUnauthorized: boolean;
	/** One of the client's protocols; undefined leaves ALPN out. */
	readonly protocol: string | undefined;
	/** Whether sessions are resumed, and tickets given. */
	readonly usesTickets: boolean;
}

/** Sessions of one hello that are looked at. */
const maxSessions = 4;
const transcriptBytes = 4096;

type Phase = "certificate" | "certificate-verify" | "finished" | "done";

/** One handshake of TLS 1.3 as the server sees it (RFC 8446, section 2): messages in, messages out; records are somebody else's. */
export class ServerHandshake {
	readonly suite: Suite;
	readonly serverName: string;
	readonly protocol: string | undefined;
	/** Our first messages: the hello, which everybody can read, and what follows it. */
	readonly hello: Buffer;
	readonly flight: Buffer;
	/** Secrets of records until the Finished messages, each direction's own. */
	readonly handshakeSecrets: Directions;
	/** Secrets of records behind them. */
	readonly dataSecrets: Directions;
	/** The client, once it has been judged. */
	peer: Peer | undefined;
	readonly #material: ServerMaterial;
	readonly #demands: ServerDemands;
	readonly #schedule: KeySchedule;
	readonly #session: Session | undefined;
	#transcript: Buffer = Buffer.allocUnsafe(transcriptBytes);
	#length = 0;
	#phase: Phase;
	#chain: readonly Buffer[] = [];

	/** Undefined when there is no suite or signature in common: the library knows what to answer.
	 *  @throws {TlsFault} when the client's key or binder is wrong */
	static begin(offer: ClientOffer, material: ServerMaterial, demands: ServerDemands): ServerHandshake | undefined {
		const suite = chooseSuite(offer.cipherSuites, material.suites, material.prefersServer);
		if (suite === undefined || !offer.signatureSchemes.includes(material.scheme)) return undefined;
		return new ServerHandshake(offer, material, demands, suite);
	}

	private constructor(offer: ClientOffer, material: ServerMaterial, demands: ServerDemands, suite: Suite) {
		this.suite = suite;
		this.#material = material;
		this.#demands = demands;
		this.serverName = offer.serverName;
		this.protocol = demands.protocol;
		const chosen = demands.usesTickets ? chooseSession(offer, material, demands, suite) : undefined;
		this.#session = chosen?.session;
		this.#schedule = new KeySchedule(suite);
		const own = generateKeyPairSync("x25519");
		const shared = agree(own.privateKey, offer.x25519Key);
		this.hello = encodeServerHello(
			randomBytes(32),
			offer.sessionId,
			suite.id,
			own.publicKey.export({ format: "raw-public" } as never) as unknown as Buffer,
			chosen?.index,
		);
		this.#add(offer.message);
		this.#add(this.hello);
		this.handshakeSecrets = this.#schedule.onSharedSecret(shared, chosen?.session.preSharedKey, this.#digest());
		const asks = demands.requestsCertificate && chosen === undefined;
		this.flight = this.#createFlight(asks, chosen === undefined);
		this.dataSecrets = this.#schedule.onServerFinished(this.#digest());
		this.#phase = asks ? "certificate" : "finished";
		if (chosen !== undefined) this.#chain = chosen.session.chain;
	}

	/** Ours. */
	get certificate(): X509Certificate {
		return this.#material.leaf;
	}

	get isDone(): boolean {
		return this.#phase === "done";
	}

	get isResumed(): boolean {
		return this.#session !== undefined;
	}

	/** Takes the client's next message, with its header. `judged` is called, perhaps before this returns, when a chain had to be looked at
	 *  first: no message may come before.
	 *  @returns false when `judged` is still to be called
	 *  @throws {TlsFault} */
	onMessage(message: Buffer, judged: (fault: TlsFault | undefined) => void): boolean {
		const type = message[0];
		const body = message.subarray(messageHeaderBytes);
		if (this.#phase === "certificate" && type === messageType.certificate) {
			this.#onCertificate(body);
			this.#add(message);
			return true;
		}
		if (this.#phase === "certificate-verify" && type === messageType.certificateVerify)
			return this.#onCertificateVerify(message, judged);
		if (this.#phase === "finished" && type === messageType.finished) return this.#onFinished(message, judged);
		throw new TlsFault("UNEXPECTED_MESSAGE", alerts.unexpectedMessage);
	}

	/** NewSessionTicket messages for a client that is done: two, or one that takes the place of the one it used. */
	createTickets(): Buffer | undefined {
		const { tickets } = this.#material;
		if (tickets === undefined || !this.#demands.usesTickets) return undefined;
		const resumption = this.#schedule.resumption(this.#digest());
		const messages: Buffer[] = [];
		for (let count = this.isResumed ? 1 : 2; count > 0; count--) {
			const nonce = Buffer.of(count);
			const preSharedKey = ticketKeyOf(this.suite, resumption, nonce);
			const session = { suite: this.suite.id, preSharedKey, serverName: this.serverName, chain: this.#chain };
			const ticket = tickets.seal(session);
			if (ticket === undefined) return undefined;
			messages.push(encodeNewSessionTicket(tickets.lifetimeSeconds, randomBytes(4).readUInt32BE(0), nonce, ticket));
		}
		return Buffer.concat(messages);
	}

	#createFlight(asksForCertificate: boolean, showsCertificate: boolean): Buffer {
		const { certificate, certificateRequest, key, scheme } = this.#material;
		const messages: Buffer[] = [];
		const add = (message: Buffer): void => {
			messages.push(message);
			this.#add(message);
		};
		add(encodeExtensions(this.protocol));
		if (asksForCertificate) add(certificateRequest);
		if (showsCertificate) {
			add(certificate);
			add(encodeCertificateVerify(scheme, signTranscript(scheme, key, this.#digest())));
		}
		const finished = finishedOf(this.suite, this.handshakeSecrets.server, this.#digest());
		add(encodeMessage(messageType.finished, finished));
		return Buffer.concat(messages);
	}

	#onCertificate(body: Buffer): void {
		const chain = readCertificate(body);
		if (chain === undefined) throw new TlsFault("LENGTH_MISMATCH", alerts.decodeError);
		if (chain.length === 0) {
			if (this.#demands.refusesUnauthorized)
				throw new TlsFault("PEER_DID_NOT_RETURN_A_CERTIFICATE", alerts.certificateRequired);
			this.#phase = "finished";
			return;
		}
		this.#chain = chain.map((der) => Buffer.from(der));
		this.#phase = "certificate-verify";
	}

	#onCertificateVerify(message: Buffer, judged: (fault: TlsFault | undefined) => void): boolean {
		const signed = readCertificateVerify(message.subarray(messageHeaderBytes));
		if (signed === undefined) throw new TlsFault("LENGTH_MISMATCH", alerts.decodeError);
		const transcript = this.#digest();
		this.#add(message);
		return this.#judge(judged, (peer) => {
			if (!verifyTranscript(signed.scheme, peer, transcript, signed.signature))
				return new TlsFault("BAD_SIGNATURE", alerts.decryptError);
			this.#phase = "finished";
			return undefined;
		});
	}

	/** Of a resumed session the chain is judged anew: what is no longer trusted does not come back. */
	#onFinished(message: Buffer, judged: (fault: TlsFault | undefined) => void): boolean {
		const expected = finishedOf(this.suite, this.handshakeSecrets.client, this.#digest());
		const found = message.subarray(messageHeaderBytes);
		if (found.length !== expected.length || !timingSafeEqual(found, expected))
			throw new TlsFault("DIGEST_CHECK_FAILED", alerts.decryptError);
		this.#add(message);
		this.#phase = "done";
		if (!this.isResumed || this.#chain.length === 0) return true;
		return this.#judge(judged, () => undefined);
	}

	#judge(judged: (fault: TlsFault | undefined) => void, check: (peer: Peer) => TlsFault | undefined): boolean {
		let isAtOnce = true;
		let fault: TlsFault | undefined;
		let isJudged = false;
		this.#material.verdicts.judge(this.#chain, (peer) => {
			isJudged = true;
			this.peer = peer;
			fault = peer === undefined ? new TlsFault("BAD_CERTIFICATE", alerts.badCertificate) : check(peer);
			if (!isAtOnce) judged(fault);
		});
		isAtOnce = false;
		if (isJudged && fault !== undefined) throw fault;
		return isJudged;
	}

	#add(message: Buffer): void {
		const end = this.#length + message.length;
		if (end > this.#transcript.length) {
			const larger = Buffer.allocUnsafe(2 * end);
			this.#transcript.copy(larger, 0, 0, this.#length);
			this.#transcript = larger;
		}
		message.copy(this.#transcript, this.#length);
		this.#length = end;
	}

	#digest(): Buffer {
		return hash(this.suite.hash, this.#transcript.subarray(0, this.#length), "buffer");
	}
}

function agree(privateKey: KeyObject, publicKey: Buffer): Buffer {
	try {
		const key = createPublicKey({ key: publicKey, format: "raw-public", asymmetricKeyType: "x25519" } as never);
		return diffieHellman({ privateKey, publicKey: key });
	} catch {
		// A key of small order (RFC 7748, section 6.1).
		throw new TlsFault("BAD_ECPOINT", alerts.illegalParameter);
	}
}

function chooseSession(
	{ sessions, boundBytes, message, serverName }: ClientOffer,
	{ tickets }: ServerMaterial,
	{ refusesUnauthorized, requestsCertificate }: ServerDemands,
	suite: Suite,
): { readonly session: Session; readonly index: number } | undefined {
	if (tickets === undefined) return undefined;
	for (const [index, { ticket, binder }] of sessions.slice(0, maxSessions).entries()) {
		const session = tickets.open(ticket);
		if (session === undefined || session.suite !== suite.id || session.serverName !== serverName) continue;
		if (session.chain.length === 0 ? refusesUnauthorized : !requestsCertificate) continue;
		const expected = binderOf(suite, session.preSharedKey, message.subarray(0, boundBytes));
		if (binder.length !== expected.length || !timingSafeEqual(binder, expected))
			throw new TlsFault("BINDER_DOES_NOT_VERIFY", alerts.decryptError);
		return { session, index };
	}
	return undefined;
}
