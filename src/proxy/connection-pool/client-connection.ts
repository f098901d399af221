import { type DeadlineHolder, getHeader, type HeaderList, type Millis } from "../../core/index.ts";
import type { SocketAddress, TlsSession } from "../../engine/format/index.ts";
import {
	chunkEnd,
	formatChunkSize,
	formatLastChunk,
	Http1ResponseParser,
	type Http1ResponseSink,
	lastChunk,
	ParserState,
} from "../../wire/http1/index.ts";
import { TurnWriter } from "../transport/index.ts";
import type { Http1Pool } from "./http1-pool.ts";
import { formatRequest } from "./request-text.ts";
import type { ResetReason } from "./reset-reason.ts";
import { formatSocketAddress } from "./socket-address.ts";
import { SwitchGate } from "./switch-gate.ts";
import type { OutgoingRequest, ResponseReceiver, UpstreamExchange } from "./upstream-pool.ts";
import {
	describeConnectFailure,
	isLocalFailure,
	noteConnected,
	type OpenedSocket,
	openUpstreamSocket,
	readBuffer,
	remoteAddressOf,
	tlsSessionOf,
	type UpstreamSocket,
} from "./upstream-socket.ts";

const Phase = { connecting: 0, idle: 1, busy: 2, closed: 3 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/** With so many bytes on their way to the upstream, the client waits. */
const maxUnsentBytes = 64 * 1024;

/** One HTTP/1 connection of a pool: one request at a time. */
export class ClientConnection implements Http1ResponseSink, DeadlineHolder, UpstreamExchange {
	readonly protocol: string = "HTTP/1.1";
	readonly pool: Http1Pool;
	readonly parser: Http1ResponseParser;
	readonly socket: UpstreamSocket;
	readonly #out: TurnWriter;
	readonly id: number;
	queuedFor: Millis = Number.POSITIVE_INFINITY;
	/** When the idle, connect or lifetime limit strikes. */
	#dueAt: Millis;
	#lifetimeEndsAt = Number.POSITIVE_INFINITY;
	#phase: Phase = Phase.connecting;
	#receiver: ResponseReceiver | undefined;
	/** Text of a head that waits for the first body bytes or the end of the turn. */
	#held = "";
	#chunked = false;
	/** Set while the upstream has not said whether the connection becomes a tunnel. */
	#gate: SwitchGate | undefined;
	#requestDone = false;
	#responseDone = false;
	/** Set when the connection must not be used again. */
	#closing = false;
	#requests = 0;
	/** Bytes of a response arrived since the request was sent. */
	hasResponseBytes = false;
	#localAddress: SocketAddress | undefined;
	connectedAt: Millis = -1;
	readonly startedAt: Millis;

	/** @param opened a socket that is connected already; its events must come here, {@link onSocketReady} included */
	constructor(pool: Http1Pool, now: Millis, opened: OpenedSocket | undefined) {
		this.pool = pool;
		this.id = opened?.connectionId ?? pool.context.nextConnectionId();
		this.startedAt = now;
		this.parser = new Http1ResponseParser(pool.parserConfig, this);
		this.#dueAt = now + pool.cluster.config.connectTimeoutMs;
		this.socket = opened?.socket ?? openUpstreamSocket(pool, pool.socketOptions, this);
		this.#out = new TurnWriter(this.socket, pool.context.turns, maxUnsentBytes);
		pool.context.deadlines.schedule(this, this.#dueAt);
	}

	get localAddress(): SocketAddress | undefined {
		const { localAddress, localPort } = this.socket;
		this.#localAddress ??= formatSocketAddress(localAddress, localPort);
		return this.#localAddress;
	}

	get remoteAddress(): SocketAddress | undefined {
		return remoteAddressOf(this.pool.host, this.socket);
	}

	get tlsSession(): TlsSession | undefined {
		return tlsSessionOf(this.pool.socketOptions, this.socket);
	}

	get #isClosed(): boolean {
		return this.#phase === Phase.closed;
	}

	get isIdle(): boolean {
		return this.#phase === Phase.idle;
	}

	get isConnecting(): boolean {
		return this.#phase === Phase.connecting;
	}

	get bufferedBytes(): number {
		return this.#out.unsentBytes + (this.#gate?.heldBytes ?? 0);
	}

	/** The connection is `receiver`'s until its response ended or was reset. */
	begin(receiver: ResponseReceiver, { method, upgrade }: OutgoingRequest): void {
		this.#phase = Phase.busy;
		this.#receiver = receiver;
		this.#requestDone = this.#responseDone = this.#chunked = false;
		this.hasResponseBytes = false;
		this.#gate = undefined;
		this.#requests++;
		if (this.isLastRequest) this.pool.cluster.stats.upstream_cx_max_requests.value++;
		this.parser.expect(method, upgrade);
	}

	/** Whether more requests may follow this one, as far as this side knows. */
	get isLastRequest(): boolean {
		const limit = this.pool.cluster.config.http.common.maxRequestsPerConnection;
		return limit > 0 && this.#requests >= limit;
	}

	/** Whether the last byte of the response came. */
	get isResponseComplete(): boolean {
		return this.#responseDone;
	}

	writeRequest(request: OutgoingRequest, endStream: boolean, hasLength: boolean): void {
		const { text, chunked } = formatRequest(request, endStream, hasLength, this.pool.properCase);
		this.#chunked = chunked;
		if (request.upgrade !== undefined && !endStream) {
			this.#gate = new SwitchGate(hasLength ? Number(getHeader(request.headers, "content-length")) : 0);
		}
		if (endStream) {
			this.#writeText(text);
			this.#endRequest();
		} else {
			this.#held = text;
		}
	}

	/** Sends body bytes. `owned`: nobody else changes the buffer.
	 *  @returns false when the caller should wait for `onUpstreamDrain` */
	writeBody(view: Buffer, last: boolean, owned: boolean): boolean {
		if (this.#gate !== undefined) return this.#writeGated(this.#gate, view, last, owned);
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
		this.pool.cluster.stats.upstream_cx_tx_bytes_total.value += before.length + bytes + behind.length;
		const writable = this.#out.writeAround(before, view, behind, owned);
		if (last) this.#endRequest();
		return writable;
	}

	/** As {@link writeBody}, of a request that may become a tunnel. */
	#writeGated(gate: SwitchGate, view: Buffer, last: boolean, owned: boolean): boolean {
		const passed = gate.take(view, last, owned);
		if (last && gate.isShut) this.#endRequest();
		const isWritable = passed.length === 0 || this.#writeRaw(passed, owned);
		return isWritable && gate.heldBytes === 0;
	}

	#writeRaw(view: Buffer, owned: boolean): boolean {
		const before = this.#held;
		this.#held = "";
		this.pool.cluster.stats.upstream_cx_tx_bytes_total.value += before.length + view.length;
		return this.#out.writeAround(before, view, "", owned);
	}

	/** The upstream stays with HTTP/1: what was held back is dropped, and no further request may follow what it was told of. */
	#refuseSwitch(gate: SwitchGate): void {
		gate.shut();
		this.#closing = true;
		if (gate.hasEnd) this.#requestDone = true;
	}

	/** The connection is a tunnel. */
	#openSwitch(gate: SwitchGate): void {
		this.#gate = undefined;
		const held = gate.open();
		for (const view of held) this.#writeRaw(view, true);
		if (gate.hasEnd) this.#endRequest();
		else if (held.length > 0) this.#receiver?.onUpstreamDrain();
	}

	/** Ends a chunked body, with trailers where `enable_trailers` says so. */
	writeTrailers(trailers: HeaderList): void {
		if (this.#gate !== undefined) {
			this.#writeGated(this.#gate, Buffer.alloc(0), true, true);
			return;
		}
		const end = this.pool.parserConfig.keepTrailers ? formatLastChunk(trailers) : lastChunk;
		const text = this.#held + (this.#chunked ? end : "");
		this.#held = "";
		if (text !== "") this.#writeText(text);
		this.#endRequest();
	}

	/** Sends what was held back for coalescing. */
	flush(): void {
		if (this.#held === "") return;
		const text = this.#held;
		this.#held = "";
		this.#writeText(text);
	}

	#writeText(text: string): boolean {
		this.pool.cluster.stats.upstream_cx_tx_bytes_total.value += text.length;
		return this.#out.write(text);
	}

	/** Stops and starts reading. */
	pause(): void {
		if (this.#phase === Phase.busy) this.socket.pause();
	}

	resume(): void {
		if (this.#phase !== Phase.closed) this.socket.resume();
	}

	/** The receiver lost interest: an unfinished exchange takes the connection with it. */
	abandon(): void {
		this.#receiver = undefined;
		this.close();
	}

	/** No request follows the current one. */
	closeWhenIdle(): void {
		this.#closing = true;
		if (this.#phase === Phase.idle) this.close();
	}

	/** Whoever waits for the response is told that there will be none. */
	close(): void {
		if (this.#phase === Phase.closed) return;
		const receiver = this.#responseDone ? undefined : this.#receiver;
		this.#receiver = undefined;
		this.#leave(true);
		this.#out.flush();
		this.socket.destroy();
		receiver?.onUpstreamReset("connection termination", "");
	}

	onSocketReady(): void {
		if (this.#phase !== Phase.connecting) return;
		const now = this.pool.context.clock.now();
		this.connectedAt = now;
		noteConnected(this.pool.cluster, now - this.startedAt);
		const { maxConnectionDurationMs } = this.pool.cluster.config.http.common;
		if (maxConnectionDurationMs > 0) this.#lifetimeEndsAt = now + maxConnectionDurationMs;
		this.pool.bindPeer(this, this.socket);
		this.#becomeIdle(now);
		this.pool.onConnected(this);
	}

	onSocketBytes(bytes: number): void {
		this.pool.cluster.stats.upstream_cx_rx_bytes_total.value += bytes;
		if (this.#phase !== Phase.busy || this.#responseDone) {
			// Bytes that nobody asked for: the peer is out of step.
			if (this.#phase === Phase.idle) this.pool.cluster.stats.upstream_cx_protocol_error.value++;
			this.close();
			return;
		}
		this.hasResponseBytes = true;
		const receiver = this.#receiver!;
		const taken = this.parser.execute(readBuffer, 0, bytes);
		if (this.#isClosed) return;
		if (this.parser.fault !== undefined) {
			this.pool.cluster.stats.upstream_cx_protocol_error.value++;
			this.parser.fault = undefined;
			this.#fail("protocol error", "", true);
			return;
		}
		if (taken < bytes) {
			this.#closing = true;
			this.pool.cluster.stats.upstream_cx_protocol_error.value++;
		}
		receiver.onUpstreamTurnEnd();
		this.#settle();
	}

	onSocketEnd(): void {
		// An end within the handshake is told by the close that follows.
		if (this.#phase === Phase.closed || this.#phase === Phase.connecting) return;
		if (this.#phase === Phase.busy && this.parser.finish()) {
			this.parser.state = ParserState.complete;
			this.onBody(Buffer.alloc(0), true);
			this.close();
			return;
		}
		const inBody = this.#phase === Phase.busy && this.parser.isInMessage && this.parser.state !== ParserState.tunnel;
		if (inBody) this.pool.cluster.stats.upstream_cx_protocol_error.value++;
		this.#fail(inBody ? "protocol error" : "connection termination", "", false);
	}

	onSocketClose(error: Error | undefined): void {
		if (this.#phase === Phase.closed) return;
		if (this.#phase === Phase.connecting) {
			const reason = isLocalFailure(error) ? "local connection failure" : "remote connection failure";
			this.#phase = Phase.closed;
			this.pool.context.deadlines.cancel(this);
			this.pool.onConnectFailed(this, reason, describeConnectFailure(error));
			return;
		}
		this.onSocketEnd();
	}

	onSocketDrain(): void {
		this.#receiver?.onUpstreamDrain();
	}

	onInformational(): void {
		this.#receiver?.onUpstreamInformational(this.parser);
	}

	onResponse(endStream: boolean): void {
		if (endStream) this.#responseDone = true;
		const gate = this.#gate;
		if (gate !== undefined && this.parser.state !== ParserState.tunnel) this.#refuseSwitch(gate);
		this.#receiver?.onUpstreamResponse(this.parser, endStream);
		if (gate !== undefined && !gate.isShut && !this.#isClosed) this.#openSwitch(gate);
	}

	onBody(data: Buffer, last: boolean): void {
		if (last) this.#responseDone = true;
		this.#receiver?.onUpstreamBody(data, last);
	}

	onTrailers(trailers: HeaderList): void {
		this.#responseDone = true;
		this.#receiver?.onUpstreamTrailers(trailers);
	}

	onDeadline(now: Millis): Millis {
		switch (this.#phase) {
			case Phase.connecting:
				if (now < this.#dueAt) return this.#dueAt;
				this.#phase = Phase.closed;
				this.socket.destroy();
				this.pool.onConnectFailed(this, "connection timeout", "");
				return Number.POSITIVE_INFINITY;
			case Phase.idle:
				if (now >= this.#lifetimeEndsAt) {
					this.pool.cluster.stats.upstream_cx_max_duration_reached.value++;
					this.close();
					return Number.POSITIVE_INFINITY;
				}
				if (now < this.#dueAt) return Math.min(this.#dueAt, this.#lifetimeEndsAt);
				this.pool.cluster.stats.upstream_cx_idle_timeout.value++;
				this.close();
				return Number.POSITIVE_INFINITY;
			case Phase.busy:
				if (now >= this.#lifetimeEndsAt && !this.#closing) {
					this.pool.cluster.stats.upstream_cx_max_duration_reached.value++;
					this.#closing = true;
				}
				return Math.max(this.#dueAt, now + 1000);
			default:
				return Number.POSITIVE_INFINITY;
		}
	}

	#endRequest(): void {
		this.#requestDone = true;
		if (this.parser.state === ParserState.tunnel) {
			this.#out.flush();
			this.socket.end();
		}
		if (this.#responseDone) this.#settle();
	}

	/** After a complete exchange: back to the pool, or the end. */
	#settle(): void {
		if (!this.#responseDone || this.#phase !== Phase.busy) return;
		if (!this.#requestDone) {
			// The answer came before the request was out: what follows would be read as the next request.
			if (this.#receiver === undefined) this.close();
			return;
		}
		this.#receiver = undefined;
		if (this.#closing || !this.parser.isReusable || this.isLastRequest || this.socket.destroyed) {
			if (this.#responseDone && !this.parser.isReusable) this.pool.cluster.stats.upstream_cx_close_notify.value++;
			this.close();
			return;
		}
		if (this.socket.isPaused()) this.socket.resume();
		this.pool.releaseRequest();
		this.#becomeIdle(this.pool.context.clock.now());
		this.pool.onIdle(this);
	}

	#becomeIdle(now: Millis): void {
		this.#phase = Phase.idle;
		const { idleTimeoutMs } = this.pool.cluster.config.http.common;
		this.#dueAt = idleTimeoutMs > 0 ? now + idleTimeoutMs : Number.POSITIVE_INFINITY;
		this.pool.context.deadlines.schedule(this, Math.min(this.#dueAt, this.#lifetimeEndsAt));
	}

	/** `local`: the end comes from here, as of what cannot be read. */
	#fail(reason: ResetReason, detail: string, local: boolean): void {
		const receiver = this.#receiver;
		this.#receiver = undefined;
		this.#leave(local);
		this.socket.destroy();
		receiver?.onUpstreamReset(reason, detail);
	}

	#leave(local: boolean): void {
		const wasConnecting = this.#phase === Phase.connecting;
		const wasBusy = this.#phase === Phase.busy && !(this.#responseDone && this.#requestDone);
		if (this.#phase === Phase.busy) this.pool.releaseRequest();
		this.#phase = Phase.closed;
		const { context, cluster } = this.pool;
		context.deadlines.cancel(this);
		cluster.stats.upstream_cx_length_ms.record(context.clock.now() - this.startedAt);
		this.pool.onClosed(this, { wasConnecting, wasBusy, local });
	}
}
