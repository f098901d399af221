import type { SecureContext } from "node:tls";
import { connectHandle, type HandleConnectOptions } from "./handle-connect.ts";
import { HandleSocket } from "./handle-socket.ts";
import type { StreamHandles, TlsHandle } from "./stream-handles.ts";
import { TlsHandshake } from "./tls-handshake.ts";

/** What a client offers in its handshake. */
export interface TlsClientOptions {
	readonly context: SecureContext;
	/** SNI; "" for none. */
	readonly serverName: string;
	/** ALPN; empty for none. */
	readonly protocols: readonly string[];
	/** To be resumed. */
	readonly session: Buffer | undefined;
	/** Sent in plain text before the handshake. */
	readonly greeting: Buffer | undefined;
}

/** What the client's owner decides. */
export interface TlsClientOutcome {
	/** The handshake is done: an error refuses the peer. */
	judge(handshake: TlsHandshake): Error | undefined;
	/** A session that may be resumed; without it none are asked for. */
	readonly onSession: ((session: Buffer) => void) | undefined;
}

/** As Node has it for its own sockets. */
const highWaterMark = 64 * 1024;

/** One handshake under way, or the connection that it made. */
class ClientHandshake {
	readonly #ssl: OwnedTls;
	readonly #socket: HandleSocket;
	readonly #outcome: TlsClientOutcome;
	isDone = false;

	constructor(ssl: OwnedTls, socket: HandleSocket, outcome: TlsClientOutcome) {
		this.#ssl = ssl;
		this.#socket = socket;
		this.#outcome = outcome;
	}

	onDone(): void {
		if (this.isDone || this.#socket.destroyed) return;
		this.isDone = true;
		const refusal = this.#outcome.judge(new TlsHandshake(this.#ssl));
		if (refusal === undefined) this.#socket.onConnected(0, "");
		else this.fail(refusal);
	}

	/** Ends the connection, behind what the library has on its stack. */
	fail(error: Error): void {
		this.isDone = true;
		setImmediate(() => this.#socket.destroy(error));
	}

	onSession(session: Buffer): void {
		this.#outcome.onSession?.(session);
	}
}

const handshakeKey = Symbol("handshake");
type OwnedTls = TlsHandle & { [handshakeKey]?: ClientHandshake | undefined };

/** Connects and shakes hands; "connect" follows when the peer was judged, or "error" and "close". */
export function connectTls(
	handles: StreamHandles,
	connect: HandleConnectOptions,
	options: TlsClientOptions,
	outcome: TlsClientOutcome,
): HandleSocket {
	const { onBytes, allowHalfOpen } = connect;
	const below = connectHandle(handles, { ...connect, allowHalfOpen: true, onBytes: () => undefined });
	// What is read is the TLS handle's from the first byte on.
	below.pause();
	const ssl: OwnedTls = handles.wrapTls(below.handle, options.context, false);
	const socket = new HandleSocket(handles, ssl, { allowHalfOpen, highWaterMark, below, onBytes, isConnecting: true });
	const handshake = new ClientHandshake(ssl, socket, outcome);
	prepare(ssl, handshake, options, outcome);
	let failure: Error | undefined;
	below.on("connect", () => {
		if (options.greeting !== undefined) below.write(options.greeting);
		ssl.start();
		socket.readAhead();
	});
	below.on("error", (error) => {
		failure = error;
	});
	below.once("close", () => {
		ssl[handshakeKey] = undefined;
		socket.destroy(failure);
		ssl.destroySSL();
	});
	const onGone = (): void => {
		if (!handshake.isDone)
			handshake.fail(Object.assign(new Error("closed within the handshake"), { code: "ECONNRESET" }));
	};
	socket.on("end", onGone);
	// Nobody reads before the handshake is done.
	socket.on("hidden", onGone);
	socket.resume();
	return socket;
}

function prepare(
	ssl: OwnedTls,
	handshake: ClientHandshake,
	options: TlsClientOptions,
	outcome: TlsClientOutcome,
): void {
	ssl[handshakeKey] = handshake;
	ssl.onhandshakedone = onDone;
	ssl.onerror = onError;
	// The library judges the chain, the owner of the connection what follows from it.
	ssl.setVerifyMode(true, false);
	if (options.session !== undefined) ssl.setSession(options.session);
	if (outcome.onSession !== undefined) {
		ssl.onnewsession = onNewSession;
		ssl.enableSessionCallbacks();
	}
	if (options.protocols.length > 0) {
		const parts = options.protocols.map((protocol) => Buffer.from(`\0${protocol}`, "latin1"));
		for (const part of parts) part[0] = part.length - 1;
		ssl.setALPNProtocols(Buffer.concat(parts));
	}
	if (options.serverName !== "") ssl.setServername(options.serverName);
}

function onDone(this: OwnedTls): void {
	this[handshakeKey]?.onDone();
}

function onError(this: OwnedTls, error: NodeJS.ErrnoException): void {
	this[handshakeKey]?.fail(error);
}

function onNewSession(this: OwnedTls, _id: Buffer, session: Buffer): void {
	this[handshakeKey]?.onSession(session);
}
