import type { SecureContext } from "node:tls";
import { HandleSocket } from "./handle-socket.ts";
import type { StreamHandles, TlsHandle } from "./stream-handles.ts";
import { TlsHandshake } from "./tls-handshake.ts";

/** What a server asks of a client's handshake. */
export interface TlsServerOptions {
	/** Made without renegotiation: nothing here counts it. */
	readonly context: SecureContext;
	readonly requestsCertificate: boolean;
	/** The library refuses an absent certificate within the handshake. */
	readonly refusesUnauthorized: boolean;
	/** The context keeps sessions: they outlast connections that are left. */
	readonly keepsSession: boolean;
	/** Chooses one of the client's protocols; undefined leaves ALPN out. */
	readonly chooseProtocol: ((protocols: readonly string[]) => string | undefined) | undefined;
	/** Chooses the certificate for a server name, "" where the client names none; an Error breaks the handshake off. */
	readonly chooseContext: ((serverName: string) => SecureContext | Error) | undefined;
}

/** How a handshake goes on. */
export interface TlsServerOutcome {
	/** Done: the chain is judged by `handshake.ssl.verifyError()`. */
	onSecure(socket: HandleSocket, handshake: TlsHandshake): void;
	/** The library broke the connection off. */
	onFault(error: NodeJS.ErrnoException): void;
	/** The connection ended, or broke, before the handshake was done. */
	onGone(): void;
}

/** As Node has it for its own sockets. */
const highWaterMark = 64 * 1024;

/** One handshake under way. The library keeps its handle until the next full collection: the handle knows its handshake, which lets go
 *  of everything when the connection is closed. */
class ServerHandshake {
	readonly #ssl: OwnedTls;
	readonly #socket: HandleSocket;
	readonly #options: TlsServerOptions;
	readonly #outcome: TlsServerOutcome;
	#isDone = false;

	constructor(ssl: OwnedTls, socket: HandleSocket, options: TlsServerOptions, outcome: TlsServerOutcome) {
		this.#ssl = ssl;
		this.#socket = socket;
		this.#options = options;
		this.#outcome = outcome;
	}

	onDone(): void {
		if (this.#isDone || this.#socket.destroyed) return;
		this.#isDone = true;
		this.#socket.pause();
		// The client waits for nothing now: a ticket that it is given goes with the first answer.
		if (this.#options.keepsSession && this.#ssl.getProtocol() === "TLSv1.3") this.#socket.holdUntil("write");
		this.#outcome.onSecure(this.#socket, new TlsHandshake(this.#ssl));
	}

	onError(error: NodeJS.ErrnoException): void {
		if (this.#isDone) this.#socket.destroy(error);
		else this.#settle(() => this.#outcome.onFault(error));
	}

	onGone(): void {
		this.#settle(() => this.#outcome.onGone());
	}

	/** The handshake comes to nothing. */
	#settle(tell: () => void): void {
		if (this.#isDone) return;
		this.#isDone = true;
		// The library is still at work on the stack below.
		setImmediate(() => this.#socket.destroy());
		tell();
	}

	onCertificate(serverName: string): void {
		const context = this.#options.chooseContext!(serverName);
		if (context instanceof Error) {
			this.onError(context);
			return;
		}
		this.#ssl.sni_context = context.context;
		this.#ssl.certCbDone();
	}

	onProtocols(list: Buffer): number | undefined {
		const protocols: string[] = [];
		for (let at = 0; at < list.length; at += 1 + list[at]!)
			protocols.push(list.latin1Slice(at + 1, at + 1 + list[at]!));
		const chosen = this.#options.chooseProtocol!(protocols);
		let position = 0;
		for (const protocol of protocols) {
			if (protocol === chosen) return position;
			position += 1 + protocol.length;
		}
		return undefined;
	}
}

const handshakeKey = Symbol("handshake");
type OwnedTls = TlsHandle & { [handshakeKey]?: ServerHandshake | undefined };

/** Shakes hands with the client of an accepted, paused socket, whose unread bytes come first. The socket stays the connection: closing it
 *  closes the secured one, and the other way round. */
export function acceptTls(
	handles: StreamHandles,
	below: HandleSocket,
	options: TlsServerOptions,
	outcome: TlsServerOutcome,
): void {
	const early = below.takeUnread();
	const ssl: OwnedTls = handles.wrapTls(below.handle, options.context, true);
	const socket = new HandleSocket(handles, ssl, {
		allowHalfOpen: true,
		highWaterMark,
		below,
		keepsSession: options.keepsSession,
	});
	const handshake = new ServerHandshake(ssl, socket, options, outcome);
	ssl[handshakeKey] = handshake;
	ssl.onhandshakedone = onDone;
	ssl.onerror = onError;
	if (options.chooseContext !== undefined) {
		ssl.oncertcb = onCertificate;
		ssl.enableCertCb();
	}
	if (options.chooseProtocol !== undefined) {
		ssl.ALPNCallback = onProtocols;
		ssl.enableALPNCb();
	}
	ssl.setVerifyMode(options.requestsCertificate, options.refusesUnauthorized);
	socket.on("hidden", () => handshake.onGone());
	socket.on("error", () => handshake.onGone());
	below.once("close", () => {
		ssl[handshakeKey] = undefined;
		handshake.onGone();
		socket.destroy();
		ssl.destroySSL();
	});
	for (const bytes of early) ssl.receive(bytes);
	if (!socket.destroyed) socket.readAhead();
}

function onDone(this: OwnedTls): void {
	this[handshakeKey]?.onDone();
}

function onError(this: OwnedTls, error: NodeJS.ErrnoException): void {
	this[handshakeKey]?.onError(error);
}

function onCertificate(this: OwnedTls, { servername }: { readonly servername?: string | false }): void {
	this[handshakeKey]?.onCertificate(typeof servername === "string" ? servername : "");
}

function onProtocols(this: OwnedTls, list: Buffer): number | undefined {
	return this[handshakeKey]?.onProtocols(list);
}
