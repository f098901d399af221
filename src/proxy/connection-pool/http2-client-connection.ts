import { type DeadlineHolder, type HeaderList, type Millis, type TurnEndHolder, truncate } from "../../core/index.ts";
import type { SocketAddress, TlsSession } from "../../engine/format/index.ts";
import { type WriteOutcome, writeReusable } from "../../os/index.ts";
import {
	Http2Connection,
	type Http2Fault,
	type Http2Head,
	type Http2Sink,
	type Http2Stream,
} from "../../wire/http2/index.ts";
import { countHttp2Fault } from "../stats/index.ts";
import { Http2Exchange } from "./http2-exchange.ts";
import { Http2Keepalive } from "./http2-keepalive.ts";
import type { Http2Pool } from "./http2-pool.ts";
import { resetReasonOf } from "./http2-resets.ts";
import type { PooledConnection } from "./pool-core.ts";
import { prepareFields } from "./request-fields.ts";
import type { ResetReason } from "./reset-reason.ts";
import { formatSocketAddress } from "./socket-address.ts";
import type { OutgoingRequest } from "./upstream-pool.ts";
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

const never = Number.POSITIVE_INFINITY;

type Phase = "connecting" | "ready" | "draining" | "closed";

/** One HTTP/2 connection of a pool: many requests at a time. What they write in one turn of the event loop leaves in one piece. */
export class Http2ClientConnection
	implements Http2Sink<Http2Exchange>, DeadlineHolder, TurnEndHolder, PooledConnection
{
	readonly pool: Http2Pool;
	readonly codec: Http2Connection<Http2Exchange>;
	readonly socket: UpstreamSocket;
	readonly id: number;
	queuedFor: Millis = never;
	/** Requests that have a place here. */
	active = 0;
	#phase: Phase = "connecting";
	/** Requests that may still be begun; Infinity for no limit. */
	#remaining: number;
	/** When the connect or idle limit strikes. */
	#dueAt: Millis;
	#lifetimeEndsAt = never;
	#keepalive: Http2Keepalive | undefined;
	#awaitsTurnEnd = false;
	#isFull = false;
	/** What a protocol error made of the connection. */
	#failure: ResetReason | undefined;
	readonly #touched: Http2Exchange[] = [];
	#localAddress: SocketAddress | undefined;
	readonly startedAt: Millis;

	/** @param opened a socket that is connected already; its events must come here, {@link onSocketReady} included */
	constructor(pool: Http2Pool, now: Millis, opened: OpenedSocket | undefined) {
		this.pool = pool;
		this.id = opened?.connectionId ?? pool.context.nextConnectionId();
		this.startedAt = now;
		const { config } = pool.cluster;
		this.#remaining = config.http.common.maxRequestsPerConnection || never;
		this.#dueAt = now + config.connectTimeoutMs;
		this.codec = new Http2Connection<Http2Exchange>("client", pool.codecConfig, this, pool.shared, true);
		this.socket = opened?.socket ?? openUpstreamSocket(pool, pool.socketOptions, this);
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

	get isReady(): boolean {
		return this.#phase === "ready";
	}

	/** Requests that may be begun now (or, while it connects, once it is connected). */
	get capacity(): number {
		if (this.#phase !== "ready" && this.#phase !== "connecting") return 0;
		const limit = Math.min(this.pool.codecConfig.maxConcurrentStreams, this.codec.maxPeerStreams);
		return Math.max(0, Math.min(limit - this.active, this.#remaining));
	}

	/** Takes a place for a request: its exchange. */
	createExchange(): Http2Exchange {
		this.active++;
		if (--this.#remaining === 0) {
			this.pool.cluster.stats.upstream_cx_max_requests.value++;
			this.#phase = "draining";
		}
		if (this.#keepalive !== undefined) {
			const { clock, deadlines } = this.pool.context;
			this.#keepalive.onRequest(clock.now());
			deadlines.schedule(this, this.#keepalive.nextAt);
		}
		return new Http2Exchange(this);
	}

	/** Begins the request that a place was taken for. */
	openStream(exchange: Http2Exchange, request: OutgoingRequest, endStream: boolean): Http2Stream<Http2Exchange> {
		const { authority, upgrade } = request;
		const isConnect = upgrade === "CONNECT";
		const isExtended = upgrade !== undefined && !isConnect;
		this.pool.codecStats.streams_active.value++;
		return this.codec.openStream(
			exchange,
			isExtended ? "CONNECT" : request.method,
			isConnect ? "" : request.scheme === "" ? "http" : request.scheme,
			authority,
			isConnect ? "" : request.path,
			isExtended ? upgrade : undefined,
			prepareFields(request.headers, isExtended),
			endStream,
		);
	}

	/** We reset a stream. */
	countLocalReset(): void {
		this.pool.cluster.stats.upstream_rq_tx_reset.value++;
		this.pool.codecStats.tx_reset.value++;
	}

	/** A stream is gone: its place is free. */
	#onStreamGone(): void {
		this.pool.codecStats.streams_active.value--;
		this.active--;
		this.pool.releaseRequest();
		if (this.active === 0) {
			if (this.#phase === "draining") {
				this.close();
				return;
			}
			this.#becomeIdle(this.pool.context.clock.now());
		}
		this.pool.onRoom(this);
	}

	closeWhenIdle(): void {
		if (this.#phase === "connecting" && this.pool.hasWaiters) return;
		if (this.active === 0) this.close();
		else if (this.#phase !== "closed") this.#phase = "draining";
	}

	close(): void {
		if (this.#phase !== "closed") this.#end("connection termination", "", true);
	}

	// --- from the socket

	onSocketReady(): void {
		if (this.#phase !== "connecting") return;
		const { context, cluster } = this.pool;
		const now = context.clock.now();
		const { maxConnectionDurationMs } = cluster.config.http.common;
		const { keepalive } = cluster.config.http.http2;
		if (maxConnectionDurationMs > 0) this.#lifetimeEndsAt = now + maxConnectionDurationMs;
		if (keepalive !== undefined) this.#keepalive = new Http2Keepalive(keepalive, now, () => this.codec.ping());
		noteConnected(cluster, now - this.startedAt);
		this.pool.bindPeer(this, this.socket);
		this.#phase = this.pool.isClosing ? "draining" : "ready";
		this.#becomeIdle(now);
		this.pool.onConnected(this);
		this.codec.flush();
	}

	onSocketBytes(bytes: number): void {
		if (this.#phase === "closed") return;
		this.pool.cluster.stats.upstream_cx_rx_bytes_total.value += bytes;
		this.codec.execute(readBuffer.subarray(0, bytes));
		const touched = this.#touched;
		if (touched.length === 0) return;
		for (let index = 0; index < touched.length; index++) touched[index]!.onTurnEnd();
		truncate(touched, 0);
	}

	onSocketEnd(): void {
		if (this.#phase !== "connecting" && this.#phase !== "closed") this.#end("connection termination", "", false);
	}

	onSocketClose(error: Error | undefined): void {
		if (this.#phase === "closed") return;
		if (this.#phase !== "connecting") {
			this.onSocketEnd();
			return;
		}
		this.#phase = "closed";
		this.pool.context.deadlines.cancel(this);
		const reason = isLocalFailure(error) ? "local connection failure" : "remote connection failure";
		this.pool.onConnectFailed(this, reason, describeConnectFailure(error));
	}

	onSocketDrain(): void {
		if (!this.#isFull) return;
		this.#isFull = false;
		this.codec.onSocketDrain();
	}

	// --- from the codec

	onHead({ owner }: Http2Stream<Http2Exchange>, head: Http2Head, fields: HeaderList, endStream: boolean): void {
		if (owner === undefined) return;
		if (!endStream && !owner.awaitsTurnEnd) {
			owner.awaitsTurnEnd = true;
			this.#touched.push(owner);
		}
		owner.onHead(head, fields, endStream);
	}

	onInformational({ owner }: Http2Stream<Http2Exchange>, status: number, fields: HeaderList): void {
		owner?.onInformational(status, fields);
	}

	onData({ owner }: Http2Stream<Http2Exchange>, view: Buffer, endStream: boolean): void {
		owner?.onData(view, endStream);
	}

	onTrailers({ owner }: Http2Stream<Http2Exchange>, fields: HeaderList): void {
		owner?.onTrailers(fields);
	}

	onReset(stream: Http2Stream<Http2Exchange>, code: number): void {
		const { stats } = this.pool.cluster;
		this.pool.codecStats.rx_reset.value++;
		const reason = resetReasonOf(code);
		if (reason === "remote reset") {
			stats.upstream_rq_rx_reset.value++;
			if (code === 0) stats.upstream_rq_rx_reset_no_error.value++;
		} else if (reason === "protocol error") {
			// Envoy does not tell it from one that this side finds.
			stats.upstream_rq_tx_reset.value++;
		}
		this.#endStream(stream, reason);
	}

	onStreamFault(stream: Http2Stream<Http2Exchange>, fault: Http2Fault): void {
		countHttp2Fault(this.pool.codecStats, fault);
		this.countLocalReset();
		this.#endStream(stream, "protocol error");
	}

	onStreamWritable({ owner }: Http2Stream<Http2Exchange>): void {
		this.pool.cluster.stats.upstream_flow_control_drained_total.value++;
		owner?.onWritable();
	}

	onStreamClosed(): void {
		if (this.#phase !== "closed") this.#onStreamGone();
	}

	onGoAway(): void {
		if (this.#phase === "draining" || this.#phase === "closed") return;
		this.pool.cluster.stats.upstream_cx_close_notify.value++;
		this.#phase = "draining";
		if (this.active === 0) this.close();
	}

	onSettings(): void {
		if (this.#phase === "ready") this.pool.onRoom(this);
	}

	onPingAnswer(): void {
		this.#keepalive?.onAnswer();
	}

	onConnectionFault(fault: Http2Fault): void {
		countHttp2Fault(this.pool.codecStats, fault);
		this.pool.codecStats.goaway_sent.value++;
		this.pool.cluster.stats.upstream_cx_protocol_error.value++;
		this.codec.flush();
		this.#failure = "protocol error";
		this.#end("protocol error", "", true);
	}

	onOutput(): void {
		if (this.#awaitsTurnEnd) return;
		this.#awaitsTurnEnd = true;
		this.pool.context.turns.add(this);
	}

	readonly #onWritten = (): void => this.codec.onWritten();

	onTurnEnd(): void {
		this.#awaitsTurnEnd = false;
		if (this.#phase !== "closed" && this.#phase !== "connecting") this.codec.flush();
	}

	write(bytes: Buffer): WriteOutcome {
		this.pool.cluster.stats.upstream_cx_tx_bytes_total.value += bytes.length;
		const outcome = writeReusable(this.socket, bytes, this.#onWritten);
		if (outcome === "full") this.#isFull = true;
		return outcome;
	}

	// --- time

	onDeadline(now: Millis): Millis {
		switch (this.#phase) {
			case "closed":
				return never;
			case "connecting":
				if (now < this.#dueAt) return this.#dueAt;
				this.#phase = "closed";
				this.socket.destroy();
				this.pool.onConnectFailed(this, "connection timeout", "");
				return never;
			default:
				return this.#onDue(now);
		}
	}

	#onDue(now: Millis): Millis {
		const { stats } = this.pool.cluster;
		if (now >= this.#lifetimeEndsAt) {
			stats.upstream_cx_max_duration_reached.value++;
			this.#lifetimeEndsAt = never;
			this.#phase = "draining";
			if (this.active === 0) {
				this.close();
				return never;
			}
		}
		if (this.active === 0 && now >= this.#dueAt) {
			stats.upstream_cx_idle_timeout.value++;
			this.close();
			return never;
		}
		if (this.#keepalive?.isOverdue(now) === true) {
			this.pool.codecStats.keepalive_timeout.value++;
			this.#end("connection termination", "", true);
			return never;
		}
		const next = Math.min(this.#lifetimeEndsAt, this.#keepalive?.onTime(now) ?? never);
		return this.active === 0 ? Math.min(next, this.#dueAt) : next;
	}

	#becomeIdle(now: Millis): void {
		const { idleTimeoutMs } = this.pool.cluster.config.http.common;
		this.#dueAt = idleTimeoutMs > 0 ? now + idleTimeoutMs : never;
		const next = Math.min(this.#dueAt, this.#lifetimeEndsAt, this.#keepalive?.nextAt ?? never);
		this.pool.context.deadlines.schedule(this, next);
	}

	/** A stream is over before its time. */
	#endStream({ owner }: Http2Stream<Http2Exchange>, reason: ResetReason): void {
		this.#onStreamGone();
		owner?.fail(reason, "");
	}

	/** The connection is over; its streams with it. */
	#end(reason: ResetReason, detail: string, local: boolean): void {
		// As in Envoy: what breaks the protocol ends the streams first.
		const wasBusy = this.active > 0 && reason !== "protocol error";
		const wasConnecting = this.#phase === "connecting";
		this.#phase = "closed";
		const { pool, socket } = this;
		const { stats } = pool.cluster;
		pool.context.deadlines.cancel(this);
		stats.upstream_cx_length_ms.record(pool.context.clock.now() - this.startedAt);
		if (local && this.#failure !== undefined) socket.destroySoon();
		else socket.destroy();
		const exchanges: Http2Exchange[] = [];
		for (const stream of this.codec.streams()) {
			pool.codecStats.streams_active.value--;
			if (stream.owner !== undefined) exchanges.push(stream.owner);
		}
		for (let index = this.active; index > 0; index--) pool.releaseRequest();
		this.active = 0;
		pool.onClosed(this, { wasConnecting, wasBusy, local });
		for (const exchange of exchanges) {
			if (this.#failure === undefined) stats.upstream_rq_pending_failure_eject.value++;
			if (reason === "protocol error") stats.upstream_rq_tx_reset.value++;
			exchange.fail(reason, detail);
		}
	}
}
