import type { X509Certificate } from "node:crypto";
import {
	acceptTls as acceptByLibrary,
	HandleSocket,
	type StreamHandles,
	sharedReadBuffer,
	type TlsServerOptions,
} from "../os/index.ts";
import { type ClientOffer, parseFirstBytes, readClientOffer } from "../wire/tls-hello/index.ts";
import { TlsFault } from "./alert.ts";
import { ServerHandshake } from "./server-handshake.ts";
import type { ServerMaterial } from "./server-material.ts";
import { ServerStream } from "./server-stream.ts";

/** What a finished handshake tells; the words are those of Node's `tls.TLSSocket`. */
export interface ServerFacts {
	/** How the client's chain was judged, null: well. */
	readonly ssl: { verifyError(): (Error & { readonly code?: string }) | null };
	readonly servername: string | false;
	readonly alpnProtocol: string | false;
	getProtocol(): string | null;
	getCipher(): { readonly name: string } | undefined;
	isSessionReused(): boolean;
	getPeerX509Certificate(): X509Certificate | undefined;
	getX509Certificate(): X509Certificate | undefined;
}

/** How a handshake goes on: the library's, or ours. */
export interface AcceptOutcome {
	/** Done: the chain is judged by `facts.ssl.verifyError()`. */
	onSecure(socket: HandleSocket, facts: ServerFacts): void;
	/** The connection was broken off. */
	onFault(error: NodeJS.ErrnoException): void;
	/** The connection ended, or broke, before the handshake was done. */
	onGone(): void;
}

/** As Node has it for its own sockets. */
const highWaterMark = 64 * 1024;

/** Shakes hands with the client of an accepted, paused socket, whose unread bytes come first. Clients of TLS 1.3 with a key for X25519 are
 *  served here, all others by the library, which gets their bytes as they came.
 *  @param usesTickets whether sessions are resumed and tickets given */
export function acceptTls(
	handles: StreamHandles,
	below: HandleSocket,
	options: TlsServerOptions,
	material: ServerMaterial,
	usesTickets: boolean,
	outcome: AcceptOutcome,
): void {
	const accepting = new Accepting(handles, below, options, material, usesTickets, outcome);
	accepting.start();
}

class Accepting {
	readonly #handles: StreamHandles;
	readonly #below: HandleSocket;
	readonly #options: TlsServerOptions;
	readonly #material: ServerMaterial;
	readonly #usesTickets: boolean;
	readonly #outcome: AcceptOutcome;
	#seen: Buffer | undefined;
	#stream: ServerStream | undefined;
	#socket: HandleSocket | undefined;
	/** Whether this handshake is no longer ours to tell of. */
	#isSettled = false;

	constructor(
		handles: StreamHandles,
		below: HandleSocket,
		options: TlsServerOptions,
		material: ServerMaterial,
		usesTickets: boolean,
		outcome: AcceptOutcome,
	) {
		this.#handles = handles;
		this.#below = below;
		this.#options = options;
		this.#material = material;
		this.#usesTickets = usesTickets;
		this.#outcome = outcome;
	}

	start(): void {
		const early = this.#below.takeUnread();
		this.#below.once("close", () => this.#onClosed());
		if (early.length > 0 && this.#onBytes(Buffer.concat(early))) return;
		this.#below.on("end", this.#onEnd);
		this.#below.readInto((count) => {
			if (this.#isSettled || this.#stream !== undefined) return;
			const bytes = sharedReadBuffer.subarray(0, count);
			this.#onBytes(this.#seen === undefined ? Buffer.from(bytes) : Buffer.concat([this.#seen, bytes]));
		});
		this.#below.resume();
	}

	/** @returns whether that was the whole hello */
	#onBytes(bytes: Buffer): boolean {
		this.#seen = bytes;
		if (parseFirstBytes(bytes).kind === "incomplete") return false;
		this.#below.pause();
		this.#below.off("end", this.#onEnd);
		this.#seen = undefined;
		const handshake = this.#begin(bytes);
		if (handshake === undefined) this.#leaveToLibrary(bytes);
		return true;
	}

	/** @returns undefined when the library shall do it */
	#begin(bytes: Buffer): ServerHandshake | undefined {
		const offer = readClientOffer(bytes);
		if (offer === undefined) return undefined;
		const protocol = this.#chooseProtocol(offer);
		if (protocol === null) return undefined;
		const { requestsCertificate, refusesUnauthorized } = this.#options;
		const demands = { requestsCertificate, refusesUnauthorized, protocol, usesTickets: this.#usesTickets };
		const handshake = beginOrLeave(offer, this.#material, demands);
		if (handshake === undefined) return undefined;
		this.#stream = new ServerStream(this.#handles, this.#below.handle, handshake, {
			onDone: () => this.#onDone(handshake),
			onFault: (fault) => this.#onFault(fault),
			onGone: () => this.#settle(() => this.#outcome.onGone()),
		});
		this.#stream.start(offer.sessionId);
		return handshake;
	}

	/** Null when the client offers protocols and gets none of them: what becomes of it, the library says. */
	#chooseProtocol({ protocols }: ClientOffer): string | undefined | null {
		const { chooseProtocol } = this.#options;
		if (chooseProtocol === undefined || protocols.length === 0) return undefined;
		const chosen = chooseProtocol(protocols);
		return chosen !== undefined && protocols.includes(chosen) ? chosen : null;
	}

	#leaveToLibrary(bytes: Buffer): void {
		this.#isSettled = true;
		this.#below.unshift(bytes);
		acceptByLibrary(this.#handles, this.#below, this.#options, this.#outcome);
	}

	#onDone(handshake: ServerHandshake): void {
		const stream = this.#stream!;
		this.#isSettled = true;
		this.#socket = new HandleSocket(this.#handles, stream, { allowHalfOpen: true, highWaterMark, below: this.#below });
		this.#outcome.onSecure(this.#socket, new Facts(handshake));
	}

	#onFault(fault: TlsFault): void {
		if (this.#socket !== undefined) this.#socket.destroy(fault);
		else this.#settle(() => this.#outcome.onFault(fault));
	}

	readonly #onEnd = (): void => this.#settle(() => this.#outcome.onGone());

	/** The handshake comes to nothing. */
	#settle(tell: () => void): void {
		if (this.#isSettled) return;
		this.#isSettled = true;
		this.#stream?.close();
		// An alert may be on its way.
		setImmediate(() => this.#below.destroy());
		tell();
	}

	#onClosed(): void {
		this.#stream?.close();
		this.#socket?.destroy();
		this.#settle(() => this.#outcome.onGone());
	}
}

/** What is wrong with a key or a binder, the library says as well. */
function beginOrLeave(...args: Parameters<typeof ServerHandshake.begin>): ServerHandshake | undefined {
	try {
		return ServerHandshake.begin(...args);
	} catch (error) {
		if (error instanceof TlsFault) return undefined;
		throw error;
	}
}

class Facts implements ServerFacts {
	readonly servername: string | false;
	readonly alpnProtocol: string | false;
	readonly ssl: { verifyError(): (Error & { readonly code?: string }) | null };
	readonly #handshake: ServerHandshake;

	constructor(handshake: ServerHandshake) {
		this.#handshake = handshake;
		this.servername = handshake.serverName === "" ? false : handshake.serverName;
		this.alpnProtocol = handshake.protocol ?? false;
		this.ssl = { verifyError: () => handshake.peer?.error ?? null };
	}

	getProtocol(): string {
		return "TLSv1.3";
	}

	getCipher(): { readonly name: string } {
		return { name: this.#handshake.suite.name };
	}

	isSessionReused(): boolean {
		return this.#handshake.isResumed;
	}

	getPeerX509Certificate(): X509Certificate | undefined {
		return this.#handshake.peer?.certificate;
	}

	getX509Certificate(): X509Certificate {
		return this.#handshake.certificate;
	}
}
