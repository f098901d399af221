import { status as grpcStatus } from "@grpc/grpc-js";
import { type Clock, getHeader, type HeaderList, type TurnEndHolder, type TurnQueue } from "../core/index.ts";
import { HandleSocket, type StreamSocket, sharedReadBuffer, type WriteOutcome, writeReusable } from "../os/index.ts";
import { encodeStatusMessage, parseGrpcTimeout } from "../wire/grpc/index.ts";
import {
	defaultHttp2Config,
	Http2Connection,
	Http2ErrorCode,
	type Http2Head,
	type Http2Shared,
	type Http2Sink,
	type Http2Stream,
} from "../wire/http2/index.ts";
import { type Method, responseFields, ServerCall } from "./server-call.ts";

/** What the connections of one server have in common. */
export interface GrpcConnectionContext {
	readonly methods: ReadonlyMap<string, Method>;
	readonly clock: Clock;
	readonly maxMessageBytes: number;
	readonly turns: TurnQueue;
	readonly shared: Http2Shared;
	/** The connection is closed. */
	onGone: (connection: GrpcConnection) => void;
}

/** Bytes that a call may have under way to us before they are read, and all calls of a connection together. */
const http2Config = { ...defaultHttp2Config, streamWindowBytes: 256 * 1024, connectionWindowBytes: 1024 * 1024 };

/** One client's connection: what its calls write in one turn of the event loop leaves in one piece. */
export class GrpcConnection implements Http2Sink<ServerCall>, TurnEndHolder {
	readonly codec: Http2Connection<ServerCall>;
	readonly peer: string;
	readonly context: GrpcConnectionContext;
	readonly #socket: StreamSocket;
	#awaitsTurnEnd = false;
	#awaitsPing = false;
	#isDraining = false;
	#isGone = false;

	constructor(context: GrpcConnectionContext, socket: StreamSocket) {
		this.context = context;
		this.#socket = socket;
		const { remoteAddress = "", remotePort = "" } = socket;
		this.peer = remoteAddress.includes(":") ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
		this.codec = new Http2Connection<ServerCall>("server", http2Config, this, context.shared, true);
		if (socket instanceof HandleSocket)
			socket.readInto((bytes) => this.codec.execute(sharedReadBuffer.subarray(0, bytes)));
		else socket.on("data", (bytes) => this.codec.execute(bytes));
		socket.on("end", () => this.destroy());
		socket.on("drain", () => this.codec.onSocketDrain());
		socket.on("error", () => this.destroy());
		socket.on("close", () => this.destroy());
		socket.resume();
	}

	/** Asks the peer for a sign of life; one that gave none since the last time is gone. */
	checkAlive(): void {
		if (this.#isGone) return;
		if (this.#awaitsPing) {
			this.destroy();
			return;
		}
		this.#awaitsPing = true;
		this.codec.ping();
	}

	/** Takes no more calls; the connection ends with the last one. */
	drain(): void {
		this.#isDraining = true;
		this.codec.goAway(Http2ErrorCode.noError);
		this.#endWhenQuiet();
	}

	destroy(): void {
		if (this.#isGone) return;
		this.#isGone = true;
		const streams = this.codec.streams();
		this.codec.close();
		this.#socket.destroy();
		for (const { owner } of streams) owner?.onGone();
		this.context.onGone(this);
	}

	// --- from the codec

	onHead(stream: Http2Stream<ServerCall>, head: Http2Head, fields: HeaderList, endStream: boolean): void {
		if (getHeader(fields, "content-type")?.startsWith("application/grpc") !== true || head.method !== "POST") {
			this.codec.sendHead(stream, head.method === "POST" ? 415 : 405, [], true);
			this.#dropRest(stream);
			return;
		}
		const method = this.context.methods.get(head.path);
		const encoding = getHeader(fields, "grpc-encoding") ?? "identity";
		if (method === undefined || encoding !== "identity") {
			const message =
				method === undefined
					? `The server does not implement the method ${head.path}`
					: `messages encoded with ${encoding} are not taken, only identity`;
			const text = encodeStatusMessage(message);
			this.codec.sendHead(
				stream,
				200,
				[...responseFields, "grpc-status", String(grpcStatus.UNIMPLEMENTED), "grpc-message", text],
				true,
			);
			this.#dropRest(stream);
			return;
		}
		const timeoutText = getHeader(fields, "grpc-timeout");
		const timeoutMs = timeoutText === undefined ? undefined : parseGrpcTimeout(timeoutText);
		const call = new ServerCall(this, stream, method, fields, timeoutMs);
		stream.owner = call;
		call.start();
		if (endStream) call.onEnd();
	}

	/** The answer is complete, the request need not be. */
	#dropRest(stream: Http2Stream<ServerCall>): void {
		if (!stream.isRemoteDone) this.codec.resetStream(stream, Http2ErrorCode.noError);
	}

	onData({ owner }: Http2Stream<ServerCall>, view: Buffer, endStream: boolean): void {
		owner?.onData(view, endStream);
	}

	/** Clients send none; the message is over. */
	onTrailers({ owner }: Http2Stream<ServerCall>): void {
		owner?.onEnd();
	}

	/** A server gets none. */
	onInformational(): void {
		return;
	}

	onReset({ owner }: Http2Stream<ServerCall>): void {
		owner?.onGone();
		this.#endWhenQuiet();
	}

	onStreamFault({ owner }: Http2Stream<ServerCall>): void {
		owner?.onGone();
		this.#endWhenQuiet();
	}

	onStreamWritable({ owner }: Http2Stream<ServerCall>): void {
		owner?.onWritable();
	}

	onStreamClosed({ owner }: Http2Stream<ServerCall>): void {
		owner?.onClosed();
		this.#endWhenQuiet();
	}

	/** Clients open no streams for us. */
	onGoAway(): void {
		return;
	}

	onSettings(): void {
		return;
	}

	onPingAnswer(): void {
		this.#awaitsPing = false;
	}

	/** GOAWAY, with why, goes out in front of the end. */
	onConnectionFault(): void {
		this.codec.flush();
		this.#socket.destroySoon();
		// The peer has until the next look at it to take that.
		this.#awaitsPing = true;
	}

	onOutput(): void {
		if (this.#awaitsTurnEnd) return;
		this.#awaitsTurnEnd = true;
		this.context.turns.add(this);
	}

	write(bytes: Buffer): WriteOutcome {
		return writeReusable(this.#socket, bytes, this.#onWritten);
	}

	readonly #onWritten = (): void => this.codec.onWritten();

	onTurnEnd(): void {
		this.#awaitsTurnEnd = false;
		if (!this.#isGone) this.codec.flush();
	}

	#endWhenQuiet(): void {
		if (!this.#isDraining || this.#isGone || this.codec.activeStreams > 0) return;
		this.codec.flush();
		this.#socket.destroySoon();
	}
}
