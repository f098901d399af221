import type { DeadlineHolder, HeaderList, Millis } from "../../../../core/index.ts";
import type { ConnectionFacts, TlsSession } from "../../../../engine/format/index.ts";
import type { StreamSocket } from "../../../../os/index.ts";
import {
	chunkEnd,
	formatChunkSize,
	formatFields,
	formatLastChunk,
	formatStatusLine,
	Http1RequestParser,
	type Http1RequestSink,
	hasToken,
	lastChunk,
	ParserState,
} from "../../../../wire/http1/index.ts";
import type { HttpConnectionManagerConfig } from "../../../runtime-config/index.ts";
import { TurnWriter } from "../../../transport/index.ts";
import { PassRequestHead, type PassResponseHead } from "../../http/pass-head.ts";
import type { HttpConnectionManager } from "./connection-manager.ts";
import type { DownstreamHttpConnection, DownstreamStream, HttpProtocol } from "./downstream-stream.ts";
import { beginsAsHttp2, beginsAsNothing } from "./first-bytes.ts";
import { HttpStream } from "./http-stream.ts";
import { protocolErrors } from "./protocol-errors.ts";

/** With so many bytes on their way to the client, the upstream waits. */
const maxUnsentBytes = 256 * 1024;
/** With so many bytes behind the current request, no more are read. */
const restLimitBytes = 16 * 1024;
const never = Number.POSITIVE_INFINITY;

/** One downstream HTTP/1 connection: requests one after the other, each with its stream. */
export class Http1ServerConnection
	implements Http1RequestSink, DeadlineHolder, DownstreamStream, DownstreamHttpConnection
{
	readonly manager: HttpConnectionManager;
	readonly facts: ConnectionFacts;
	readonly parser: Http1RequestParser;
	readonly #socket: StreamSocket;
	readonly #out: TurnWriter;
	queuedFor: Millis = never;
	place = -1;
	#stream: HttpStream | undefined;
	/** Bytes behind the current request. */
	#rest: Buffer | undefined;
	#restPauses = false;
	/** The next request waits until the client has read more of the answers. */
	#awaitsDrain = false;
	#held = "";
	#chunked = false;
	/** A response was begun that says or implies the end of the connection. */
	#closeAfterResponse = false;
	#asksToClose = false;
	#closing = false;
	#closed = false;
	#requests = 0;
	#idleSince: Millis;
	/** While a head is incomplete: when it must be here, and when the stream to come counts as idle. */
	#headersAt = never;
	#headIdleAt = never;
	/** Set when the connection waits for the end of its drain: idle or too old, it may still take a request. */
	#drainEndsAt = never;
	#lifetimeEndsAt = never;
	/** When a closing connection is cut. */
	#cutAt = never;
	#drainStarted = false;
	#readPauses = 0;
	readonly #mayBeHttp2: boolean;
	/** Bytes have come: it speaks HTTP/1. */
	#isDecided = false;
	#clientText: string | undefined;
	readonly #openedAt: Millis;

	/** @param mayBeHttp2 the first bytes decide */
	constructor(manager: HttpConnectionManager, socket: StreamSocket, facts: ConnectionFacts, mayBeHttp2: boolean) {
		this.manager = manager;
		this.#mayBeHttp2 = mayBeHttp2;
		this.#socket = socket;
		this.#out = new TurnWriter(socket, manager.context.turns, maxUnsentBytes);
		this.facts = facts;
		this.parser = new Http1RequestParser(manager.parserConfig, this);
		const now = manager.context.clock.now();
		this.#openedAt = this.#idleSince = now;
		const { maxConnectionDurationMs } = manager.config.common;
		if (maxConnectionDurationMs > 0) this.#lifetimeEndsAt = now + maxConnectionDurationMs;
		socket.on("data", this.#dataListener);
		socket.on("end", this.#endListener);
		socket.on("drain", this.#drainListener);
		socket.on("error", this.#goneListener);
		socket.on("close", this.#goneListener);
		manager.connections.add(this);
		this.armDeadline();
	}

	readonly #dataListener = (data: Buffer): void => this.#onData(data);
	readonly #endListener = (): void => this.#onEnd();
	readonly #drainListener = (): void => this.#onDrain();
	readonly #goneListener = (): void => this.#onGone();

	/** The first bytes: HTTP/1, unless they begin as HTTP/2 does. */
	#decide(data: Buffer): void {
		this.#isDecided = true;
		if (this.#mayBeHttp2 && beginsAsHttp2(data)) {
			this.#closed = true;
			const socket = this.#socket;
			socket.off("data", this.#dataListener);
			socket.off("end", this.#endListener);
			socket.off("drain", this.#drainListener);
			socket.off("error", this.#goneListener);
			socket.off("close", this.#goneListener);
			this.manager.context.deadlines.cancel(this);
			this.manager.connections.delete(this);
			this.manager.serveHttp2(socket, this.facts, data);
			return;
		}
		this.manager.countHttp1();
	}

	/** The text of the client's certificate for x-forwarded-client-cert, made once a connection. */
	describeClient(tls: TlsSession, describe: (tls: TlsSession, config: HttpConnectionManagerConfig) => string): string {
		this.#clientText ??= describe(tls, this.manager.config);
		return this.#clientText;
	}

	get protocol(): HttpProtocol {
		return this.parser.versionMinor === 0 ? "HTTP/1.0" : "HTTP/1.1";
	}

	// --- from the parser

	onRequest(endStream: boolean): void {
		const { parser, manager } = this;
		this.#requests++;
		this.#headersAt = this.#headIdleAt = never;
		const headers = parser.headers;
		const request = new PassRequestHead(
			headers,
			parser.method,
			parser.path,
			parser.authority ?? (parser.versionMinor === 0 ? manager.config.http1.defaultHostForHttp10 : ""),
			parser.scheme,
			parser.upgrade,
		);
		if (headers.te !== undefined && hasToken(headers.te, "trailers")) request.add("te", "trailers");
		if (parser.upgrade !== undefined && parser.upgrade !== "CONNECT") {
			request.add("connection", headers.connection!);
			request.add("upgrade", parser.upgrade);
		}
		const limit = manager.config.common.maxRequestsPerConnection;
		this.#closeAfterResponse =
			(parser.versionMinor === 0
				? headers.connection === undefined || !hasToken(headers.connection, "keep-alive")
				: headers.connection !== undefined && hasToken(headers.connection, "close")) ||
			(limit > 0 && this.#requests >= limit);
		const stream = this.createStream();
		stream.record.requestHeaderBytes = parser.headBytes;
		stream.start(request, parser.authority !== undefined || request.authority !== "", endStream);
	}

	onBody(data: Buffer, last: boolean): void {
		this.#stream?.onBody(data, last);
	}

	onTrailers(trailers: HeaderList): void {
		this.#stream?.onTrailers(trailers);
	}

	onUnderscoresDropped(count: number): void {
		this.manager.codecStats.dropped_headers_with_underscores.value += count;
	}

	/** Stops reading until {@link resumeReading} was called as often. */
	pauseReading(): void {
		if (this.#readPauses++ === 0) this.#socket.pause();
	}

	resumeReading(): void {
		if (this.#readPauses > 0 && --this.#readPauses === 0 && !this.#closed) this.#socket.resume();
	}

	// --- from the stream

	writeInformational(status: number, headers: HeaderList): void {
		this.#writeText(`${formatStatusLine(status, 1)}${formatFields(headers, 0)}\r\n`);
	}

	/** Begins the response. */
	writeHead(head: PassResponseHead, endStream: boolean, isHead: boolean, isConnect: boolean): void {
		const { status } = head;
		const minor = this.parser.versionMinor;
		const { headerCase } = this.manager.config.http1;
		let text = formatStatusLine(status, minor) + head.format(headerCase === "proper");
		this.#chunked = false;
		const isUpgrade = head.upgrade !== undefined;
		if (head.contentLength < 0) {
			if (endStream && !isHead) {
				if (status >= 200 && status !== 204 && status !== 304) text += "content-length: 0\r\n";
			} else if (!isUpgrade && !(isConnect && status < 300) && status >= 200 && status !== 204 && status !== 304) {
				if (minor === 1) {
					text += "transfer-encoding: chunked\r\n";
					this.#chunked = !isHead;
				} else {
					this.#closeAfterResponse = true;
				}
			}
		}
		if (isUpgrade || (isConnect && status < 300)) {
			this.#closeAfterResponse = true;
			if (isUpgrade) text += `connection: upgrade\r\nupgrade: ${head.upgrade}\r\n`;
		} else {
			const asksToClose = this.#considerEnd();
			if (asksToClose || this.#closeAfterResponse || this.#drainStarted) text += "connection: close\r\n";
			else if (minor === 0) text += "connection: keep-alive\r\n";
		}
		text += "\r\n";
		if (endStream) this.#writeText(text);
		else this.#held = text;
	}

	/** A drain begins with a response; the client is asked to close, and cut off when the drain time is over.
	 *  @returns whether overload asks for it, which leaves the end to the client as in Envoy */
	#considerEnd(): boolean {
		const { context, stats, config } = this.manager;
		if (!this.#drainStarted && this.manager.isDraining) {
			stats.downstream_cx_drain_close.value++;
			this.#drainStarted = true;
			this.#drainEndsAt = context.clock.now() + config.drainTimeoutMs;
		}
		this.#asksToClose ||= this.manager.endsKeepalive();
		return this.#asksToClose;
	}

	/** The response ends the connection; before {@link writeHead}. */
	closeAfterResponse(): void {
		this.#closeAfterResponse = true;
	}

	/** @returns false when the caller should wait for `onDownstreamDrain` */
	writeBody(view: Buffer, last: boolean, owned: boolean): boolean {
		const bytes = view.length;
		let before = this.#held;
		let behind = "";
		if (this.#chunked) {
			if (bytes > 0) {
				before += formatChunkSize(bytes);
				behind = chunkEnd;
			}
			if (last) behind += lastChunk;
		}
		this.#held = "";
		this.manager.stats.downstream_cx_tx_bytes_total.value += before.length + bytes + behind.length;
		return this.#out.writeAround(before, view, behind, owned);
	}

	writeTrailers(trailers: HeaderList): void {
		const end = this.#chunked ? (this.manager.config.http1.enableTrailers ? formatLastChunk(trailers) : lastChunk) : "";
		const text = this.#held + end;
		this.#held = "";
		if (text !== "") this.#writeText(text);
	}

	/** Sends a head that waits for its body. */
	flush(): void {
		if (this.#held === "") return;
		const text = this.#held;
		this.#held = "";
		this.#writeText(text);
	}

	#writeText(text: string): boolean {
		this.manager.stats.downstream_cx_tx_bytes_total.value += text.length;
		return this.#out.write(text);
	}

	/** The stream is over, its response complete: on to the next request, or the end. */
	onStreamEnd(requestComplete: boolean): void {
		this.#stream = undefined;
		if (this.#closed) return;
		const now = this.manager.context.clock.now();
		const isLast = this.#closeAfterResponse || !requestComplete || now >= this.#drainEndsAt;
		if (isLast) return void this.#finishClosing();
		this.#idleSince = now;
		while (this.#readPauses > (this.#restPauses ? 1 : 0)) this.resumeReading();
		if (this.#socket.writableNeedDrain) {
			this.#awaitsDrain = true;
			this.armDeadline();
			return;
		}
		this.#startNext();
	}

	/** Ready for the next request, which may be here already. */
	#startNext(): void {
		this.parser.next();
		if (this.#rest !== undefined && !this.#inExecute) this.#takeRest();
		else this.armDeadline();
	}

	#onDrain(): void {
		if (this.#awaitsDrain) {
			this.#awaitsDrain = false;
			if (!this.#closed && !this.#closing) this.#startNext();
		} else {
			this.#stream?.onDownstreamDrain();
		}
	}

	/** The response cannot be completed: cuts the connection. */
	abort(): void {
		const hadStream = this.#stream !== undefined;
		this.#stream = undefined;
		this.#out.flush();
		this.#socket.destroy();
		this.#onGone(true, hadStream);
	}

	/** Asks to be called at the next deadline; after the stream's deadlines changed. */
	armDeadline(): void {
		const due = this.#nextDeadline();
		if (due < this.queuedFor) this.manager.context.deadlines.schedule(this, due);
	}

	onDeadline(now: Millis): Millis {
		if (this.#closed) return never;
		if (now >= this.#cutAt) {
			this.manager.stats.downstream_cx_delayed_close_timeout.value++;
			this.#socket.destroy();
			this.#onGone(true);
			return never;
		}
		if (this.#closing) return this.#cutAt;
		if (this.#stream === undefined) {
			this.#onIdleDeadline(now);
		} else {
			if (now >= this.#lifetimeEndsAt) {
				this.manager.stats.downstream_cx_max_duration_reached.value++;
				this.#lifetimeEndsAt = never;
				this.#startDrain(now);
			}
			this.#stream.onDeadline(now);
		}
		return this.#nextDeadline();
	}

	#nextDeadline(): Millis {
		if (this.#closing) return this.#cutAt;
		if (this.#stream !== undefined) return Math.min(this.#stream.nextDeadline(), this.#lifetimeEndsAt);
		if (this.parser.isInMessage) return Math.min(this.#headersAt, this.#headIdleAt, this.#lifetimeEndsAt);
		return Math.min(this.#idleSince + this.manager.idleTimeout.ms, this.#lifetimeEndsAt, this.#drainEndsAt);
	}

	/** Something is due between requests. */
	#onIdleDeadline(now: Millis): void {
		const { stats } = this.manager;
		if (now >= this.#headersAt || now >= this.#headIdleAt) {
			const isIdle = this.#headIdleAt < this.#headersAt;
			this.#headersAt = this.#headIdleAt = never;
			const stream = this.createStream();
			if (isIdle) stream.failIdle();
			else stream.failRequestHeaders();
		} else if (now >= this.#lifetimeEndsAt) {
			stats.downstream_cx_max_duration_reached.value++;
			this.#lifetimeEndsAt = never;
			this.#startDrain(now);
		} else if (now >= this.#drainEndsAt) {
			this.#finishClosing();
		} else if (now >= this.#idleSince + this.manager.idleTimeout.ms && !this.parser.isInMessage) {
			stats.downstream_cx_idle_timeout.value++;
			this.#idleSince = never;
			this.#startDrain(now);
		}
	}

	/** The client is asked to close with the next response, and cut off when the drain time is over. One that never said anything ends at once. */
	#startDrain(now: Millis): void {
		this.#drainStarted = true;
		if (this.#requests === 0) this.#finishClosing();
		else this.#drainEndsAt = now + this.manager.config.drainTimeoutMs;
	}

	onTimeoutsChanged(): void {
		this.armDeadline();
	}

	/** Its life is over: it drains. */
	endLife(): void {
		this.#lifetimeEndsAt = 0;
		this.armDeadline();
	}

	/** A stream; in the middle of a request it takes the place of the one that is over. */
	createStream(): HttpStream {
		const stream = new HttpStream(this.manager, this);
		this.#stream = stream;
		return stream;
	}

	#inExecute = false;

	#onData(data: Buffer): void {
		if (!this.#isDecided) {
			this.#decide(data);
			if (this.#closed) return;
		}
		this.manager.stats.downstream_cx_rx_bytes_total.value += data.length;
		if (this.#closing) return;
		if (this.#rest === undefined) this.#execute(data);
		else this.#keepRest(Buffer.concat([this.#rest, data]));
	}

	#takeRest(): void {
		const rest = this.#rest!;
		this.#rest = undefined;
		this.#execute(rest);
		if (!this.#restPauses || this.#restBytes > restLimitBytes) return;
		this.#restPauses = false;
		this.resumeReading();
	}

	get #restBytes(): number {
		return this.#rest?.length ?? 0;
	}

	#keepRest(rest: Buffer): void {
		this.#rest = rest;
		if (this.#restPauses || rest.length <= restLimitBytes) return;
		this.#restPauses = true;
		this.pauseReading();
	}

	#execute(data: Buffer): void {
		this.#inExecute = true;
		const taken = this.parser.execute(data, 0, data.length);
		this.#inExecute = false;
		if (this.#closed || this.#closing) return;
		if (this.parser.state === ParserState.failed) {
			this.#failProtocol(data);
			return;
		}
		if (taken < data.length) this.#keepRest(taken === 0 ? data : data.subarray(taken));
		if (this.#stream !== undefined) this.#stream.onDownstreamTurnEnd();
		else if (this.parser.isInMessage) this.#startHead();
	}

	/** The first bytes of a head are here, the rest is not. */
	#startHead(): void {
		if (this.#headIdleAt !== never || this.#headersAt !== never) return;
		const { requestHeadersTimeoutMs } = this.manager.config;
		const now = this.manager.context.clock.now();
		if (requestHeadersTimeoutMs > 0) this.#headersAt = now + requestHeadersTimeoutMs;
		this.#headIdleAt = now + this.manager.streamIdleTimeout.ms;
		this.armDeadline();
	}

	#failProtocol(data: Buffer): void {
		const fault = this.parser.fault ?? "malformed";
		this.manager.stats.downstream_cx_protocol_error.value++;
		if (this.#mayBeHttp2 && this.#requests === 0 && beginsAsNothing(data)) {
			this.#finishClosing();
			return;
		}
		if (fault === "underscore") this.manager.codecStats.requests_rejected_with_underscores_in_headers.value++;
		this.#closeAfterResponse = true;
		const stream = this.#stream ?? this.createStream();
		stream.failProtocol(protocolErrors[fault]);
	}

	/** The client's end: as in Envoy, half-closed connections are closed ones. */
	#onEnd(): void {
		if (this.#closed) return;
		this.#socket.destroy();
		this.#onGone();
	}

	#onGone(byUs = false, hadStream = this.#stream !== undefined): void {
		if (this.#closed) return;
		this.#closed = true;
		const { manager } = this;
		manager.countClosed(manager.context.clock.now() - this.#openedAt, byUs, hadStream, this.#isDecided ? 1 : 0);
		manager.context.deadlines.cancel(this);
		manager.connections.delete(this);
		const stream = this.#stream;
		this.#stream = undefined;
		stream?.onDownstreamGone();
	}

	/** Sends the end, reads what still comes for a while so that the answer is not lost to a reset, then cuts. */
	#finishClosing(): void {
		if (this.#closing || this.#closed) return;
		this.#closing = true;
		this.#rest = undefined;
		this.#out.flushLast();
		this.#socket.end();
		this.#socket.resume();
		const delay = this.manager.config.delayedCloseTimeoutMs;
		this.#cutAt = this.manager.context.clock.now() + (delay > 0 ? delay : 1000);
		this.manager.context.deadlines.schedule(this, this.#cutAt);
	}
}
