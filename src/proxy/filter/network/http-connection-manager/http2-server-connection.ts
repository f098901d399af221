import {
	type DeadlineHolder,
	type HeaderList,
	type Millis,
	type TurnEndHolder,
	truncate,
} from "../../../../core/index.ts";
import { type ConnectionFacts, ResponseFlag, type TlsSession } from "../../../../engine/format/index.ts";
import { type StreamSocket, type WriteOutcome, writeReusable } from "../../../../os/index.ts";
import {
	Http2Connection,
	Http2ErrorCode,
	type Http2Fault,
	type Http2Head,
	type Http2Sink,
	type Http2Stream,
} from "../../../../wire/http2/index.ts";
import { Http2Keepalive } from "../../../connection-pool/index.ts";
import type { HttpConnectionManagerConfig } from "../../../runtime-config/index.ts";
import type { HttpConnectionManager } from "./connection-manager.ts";
import type { DownstreamHttpConnection } from "./downstream-stream.ts";
import { detailsOfConnectionFault, detailsOfReset, detailsOfStreamFault } from "./http2-details.ts";
import { Http2ServerStream } from "./http2-server-stream.ts";
import { PrematureResets } from "./premature-resets.ts";
import { UnfinishedStreams } from "./unfinished-streams.ts";

const never = Number.POSITIVE_INFINITY;

/** Serving; "draining": GOAWAY was announced and streams under way are taken; "closing": no more streams, the end comes with the last one;
 *  "ended": the socket is being closed. */
type Phase = "serving" | "draining" | "closing" | "ended" | "closed";

/** One downstream HTTP/2 connection: many requests at a time. What they write in one turn of the event loop leaves in one piece. */
export class Http2ServerConnection
	implements Http2Sink<Http2ServerStream>, DownstreamHttpConnection, DeadlineHolder, TurnEndHolder
{
	readonly manager: HttpConnectionManager;
	readonly facts: ConnectionFacts;
	readonly codec: Http2Connection<Http2ServerStream>;
	queuedFor: Millis = never;
	place = -1;
	readonly #socket: StreamSocket;
	#phase: Phase = "serving";
	#requests = 0;
	/** Streams whose request or response is not over. */
	#active = 0;
	#awaitsTurnEnd = false;
	#isFull = false;
	#idleSince: Millis;
	#lifetimeEndsAt = never;
	/** When the announced end is carried out, or a closed socket is cut. */
	#endAt = never;
	/** When a header block that has begun must be complete. */
	#headersAt = never;
	/** No stream's deadline is before this. */
	#streamsDueAt = never;
	readonly #keepalive: Http2Keepalive | undefined;
	readonly #touched: Http2ServerStream[] = [];
	readonly #unfinished: UnfinishedStreams;
	readonly #resets = new PrematureResets();
	#clientText: string | undefined;
	readonly #openedAt: Millis;

	/** @param first what was read already */
	constructor(manager: HttpConnectionManager, socket: StreamSocket, facts: ConnectionFacts, first: Buffer | undefined) {
		this.manager = manager;
		this.#socket = socket;
		this.facts = facts;
		const now = manager.context.clock.now();
		this.#openedAt = now;
		const { maxConnectionDurationMs } = manager.config.common;
		const { keepalive } = manager.config.http2;
		this.#idleSince = now;
		if (maxConnectionDurationMs > 0) this.#lifetimeEndsAt = now + maxConnectionDurationMs;
		if (keepalive !== undefined) this.#keepalive = new Http2Keepalive(keepalive, now, () => this.codec.ping());
		this.codec = new Http2Connection<Http2ServerStream>("server", manager.http2Config, this, manager.http2Shared, true);
		this.#unfinished = new UnfinishedStreams(this.codec, manager.config.streamIdleTimeoutMs, () => {
			manager.http2Stats.tx_flush_timeout.value++;
		});
		socket.on("data", (data: Buffer) => this.#onData(data));
		socket.on("end", () => this.#onEnd());
		socket.on("drain", () => this.#onDrain());
		socket.on("error", () => this.#onGone(false));
		socket.on("close", () => this.#onGone(false));
		manager.connections.add(this);
		this.#arm();
		if (first !== undefined) this.#onData(first);
	}

	/** The text of the client's certificate for x-forwarded-client-cert, made once a connection. */
	describeClient(tls: TlsSession, describe: (tls: TlsSession, config: HttpConnectionManagerConfig) => string): string {
		this.#clientText ??= describe(tls, this.manager.config);
		return this.#clientText;
	}

	/** Its life is over: it drains. */
	endLife(): void {
		this.#lifetimeEndsAt = 0;
		this.#arm();
	}

	abort(): void {
		this.#socket.destroy();
		this.#onGone(true);
	}

	// --- from the codec

	onHead(stream: Http2Stream<Http2ServerStream>, head: Http2Head, fields: HeaderList, endStream: boolean): void {
		const { manager } = this;
		const limit = manager.config.common.maxRequestsPerConnection;
		const owner = this.#open(stream);
		if (limit > 0 && this.#requests >= limit && this.#phase === "serving") {
			manager.stats.downstream_cx_max_requests_reached.value++;
			this.#startDrain();
		}
		if (head.droppedUnderscores > 0) {
			manager.http2Stats.dropped_headers_with_underscores.value += head.droppedUnderscores;
		}
		owner.start(head, fields, endStream);
		this.#touch(owner);
	}

	onData({ owner }: Http2Stream<Http2ServerStream>, view: Buffer, endStream: boolean): void {
		if (owner === undefined) return;
		owner.onData(view, endStream);
		this.#touch(owner);
	}

	onTrailers({ owner }: Http2Stream<Http2ServerStream>, fields: HeaderList): void {
		if (owner?.http === undefined) return;
		owner.http.onTrailers(fields);
		this.#touch(owner);
	}

	/** A server gets none. */
	onInformational(): void {
		return;
	}

	onReset({ owner }: Http2Stream<Http2ServerStream>, code: number): void {
		const http = owner?.http;
		if (owner === undefined || http === undefined) return;
		owner.http = undefined;
		const ageMs = this.manager.context.clock.now() - http.record.startedAt;
		http.onDownstreamReset(detailsOfReset(code), ResponseFlag.downstreamRemoteReset);
		this.onStreamOver(true, ageMs);
	}

	onStreamFault(stream: Http2Stream<Http2ServerStream>, fault: Http2Fault): void {
		const owner = stream.owner ?? this.#open(stream);
		if (fault === "underscore") this.manager.http2Stats.requests_rejected_with_underscores_in_headers.value++;
		this.#failStream(owner, detailsOfStreamFault(fault));
	}

	onStreamWritable({ owner }: Http2Stream<Http2ServerStream>): void {
		this.manager.stats.downstream_flow_control_resumed_reading_total.value++;
		owner?.http?.onDownstreamDrain();
	}

	onStreamClosed(): void {
		this.#checkIdle();
	}

	/** Clients open no streams for us. */
	onGoAway(): void {
		return;
	}

	onSettings(): void {
		return;
	}

	onPingAnswer(): void {
		this.#keepalive?.onAnswer();
	}

	onConnectionFault(fault: Http2Fault): void {
		this.manager.stats.downstream_cx_protocol_error.value++;
		this.#failAll(detailsOfConnectionFault(fault), ResponseFlag.downstreamProtocolError);
		if (fault === "outbound-flood" || fault === "outbound-control-flood") this.abort();
		else this.#finish();
	}

	onOutput(): void {
		if (this.#awaitsTurnEnd) return;
		this.#awaitsTurnEnd = true;
		this.manager.context.turns.add(this);
	}

	write(bytes: Buffer): WriteOutcome {
		this.manager.stats.downstream_cx_tx_bytes_total.value += bytes.length;
		const outcome = writeReusable(this.#socket, bytes, this.#onWritten);
		if (outcome === "full") this.#isFull = true;
		return outcome;
	}

	readonly #onWritten = (): void => this.codec.onWritten();

	onTurnEnd(): void {
		this.#awaitsTurnEnd = false;
		if (this.#phase !== "closed") this.codec.flush();
	}

	// --- from streams

	/** A response's head goes out. */
	onResponse(): void {
		if (this.#phase !== "serving" || !this.manager.isDraining) return;
		this.manager.stats.downstream_cx_drain_close.value++;
		this.#startDrain();
	}

	/** A request and its response are over. */
	onStreamOver(wasReset: boolean, ageMs = never): void {
		this.#active--;
		if (this.#resets.onStreamOver(wasReset, ageMs) && this.#phase !== "closed") {
			this.manager.stats.downstream_rq_too_many_premature_resets.value++;
			this.abort();
			return;
		}
		this.#checkIdle();
	}

	get #isQuiet(): boolean {
		return this.#active === 0 && this.codec.activeStreams === 0;
	}

	/** Without any stream, not even one that is only being sent, the connection is idle. */
	#checkIdle(): void {
		if (!this.#isQuiet) return;
		if (this.#phase === "closed" || this.#phase === "ended") return;
		if (this.#phase === "closing") {
			this.#finish();
			return;
		}
		this.#idleSince = this.manager.context.clock.now();
		this.#arm();
	}

	/** A stream is over for the proxy, and not for its client. */
	finishLater(stream: Http2Stream<Http2ServerStream>, isRequestComplete: boolean): void {
		const now = this.manager.context.clock.now();
		if (!isRequestComplete) this.#unfinished.addRequest(stream, now);
		if (stream.pending !== undefined) this.#unfinished.addAnswer(stream, now);
		this.#arm();
	}

	/** A stream's next deadline has changed to `due`. */
	armDeadline(due: Millis): void {
		if (due >= this.#streamsDueAt) return;
		this.#streamsDueAt = due;
		if (due < this.queuedFor) this.manager.context.deadlines.schedule(this, due);
	}

	onTimeoutsChanged(): void {
		this.#streamsDueAt = this.manager.context.clock.now();
		this.#arm();
	}

	// --- time

	onDeadline(now: Millis): Millis {
		if (this.#phase === "closed") return never;
		this.#unfinished.run(now);
		if (now >= this.#endAt) {
			this.#endAt = never;
			this.#onEndDue();
		} else if (now >= this.#lifetimeEndsAt) {
			this.#lifetimeEndsAt = never;
			this.manager.stats.downstream_cx_max_duration_reached.value++;
			this.#startDrain();
		} else if (now >= this.#headersAt) {
			this.#headersAt = never;
			this.manager.stats.downstream_rq_header_timeout.value++;
			this.codec.goAway(Http2ErrorCode.enhanceYourCalm);
			this.#finish();
		} else if (this.#isQuiet && now >= this.#idleSince + this.manager.idleTimeout.ms) {
			this.#idleSince = never;
			this.manager.stats.downstream_cx_idle_timeout.value++;
			this.#startDrain();
		} else if (this.#keepalive?.isOverdue(now) === true) {
			this.manager.http2Stats.keepalive_timeout.value++;
			this.abort();
		} else {
			this.#keepalive?.onTime(now);
			this.#runStreamDeadlines(now);
		}
		return this.#nextDeadline();
	}

	#runStreamDeadlines(now: Millis): void {
		if (now < this.#streamsDueAt) return;
		this.#streamsDueAt = never;
		let next = never;
		for (const { owner } of this.codec.streams()) {
			const http = owner?.http;
			if (http === undefined) continue;
			if (now >= http.nextDeadline()) http.onDeadline(now);
			if (owner!.http !== undefined) next = Math.min(next, owner!.http.nextDeadline());
		}
		this.#streamsDueAt = Math.min(this.#streamsDueAt, next);
	}

	#nextDeadline(): Millis {
		if (this.#phase === "closed") return never;
		if (this.#phase === "ended") return this.#endAt;
		const idleAt = this.#isQuiet && this.#phase === "serving" ? this.#idleSince + this.manager.idleTimeout.ms : never;
		const pingAt = this.#keepalive?.nextAt ?? never;
		const { nextAt } = this.#unfinished;
		return Math.min(nextAt, this.#streamsDueAt, this.#lifetimeEndsAt, this.#headersAt, this.#endAt, idleAt, pingAt);
	}

	#arm(): void {
		const due = this.#nextDeadline();
		if (due < this.queuedFor) this.manager.context.deadlines.schedule(this, due);
	}

	/** Announces the end (RFC 9113, section 6.8); it comes when the drain time is over. A connection that never had a request ends at once. */
	#startDrain(): void {
		if (this.#phase !== "serving") return;
		this.#phase = "draining";
		this.codec.announceGoAway();
		this.#endAt = this.manager.context.clock.now() + this.manager.config.drainTimeoutMs;
		this.#arm();
	}

	/** The drain time is over, or the peer does not close its end. */
	#onEndDue(): void {
		if (this.#phase === "ended") {
			this.manager.stats.downstream_cx_delayed_close_timeout.value++;
			this.#socket.destroy();
			this.#onGone(true);
			return;
		}
		this.codec.goAway(Http2ErrorCode.noError);
		this.#phase = "closing";
		this.#checkIdle();
	}

	/** Sends the end, reads what still comes for a while so that the answer is not lost to a reset, then cuts. */
	#finish(): void {
		if (this.#phase === "ended" || this.#phase === "closed") return;
		this.#phase = "ended";
		this.codec.flush();
		this.#socket.end();
		const delay = this.manager.config.delayedCloseTimeoutMs;
		this.#endAt = this.manager.context.clock.now() + (delay > 0 ? delay : 1000);
		this.#arm();
	}

	// --- from the socket

	#onData(data: Buffer): void {
		this.manager.stats.downstream_cx_rx_bytes_total.value += data.length;
		if (this.#phase === "ended" || this.#phase === "closed") return;
		this.codec.execute(data);
		const touched = this.#touched;
		if (touched.length > 0) {
			for (let index = 0; index < touched.length; index++) {
				const owner = touched[index]!;
				owner.isTouched = false;
				owner.http?.onDownstreamTurnEnd();
			}
			truncate(touched, 0);
		}
		if (this.codec.isInHeaderBlock !== (this.#headersAt !== never)) this.#watchHeaderBlock();
	}

	/** A header block in pieces has begun or ended. */
	#watchHeaderBlock(): void {
		if (!this.codec.isInHeaderBlock) {
			this.#headersAt = never;
			return;
		}
		const { requestHeadersTimeoutMs, streamIdleTimeoutMs } = this.manager.config;
		const limits = [requestHeadersTimeoutMs, streamIdleTimeoutMs].filter((limit) => limit > 0);
		if (limits.length === 0) return;
		this.#headersAt = this.manager.context.clock.now() + Math.min(...limits);
		this.#arm();
	}

	#onDrain(): void {
		if (!this.#isFull) return;
		this.#isFull = false;
		if (this.#phase !== "closed") this.codec.onSocketDrain();
	}

	/** The client's end: as in Envoy, half-closed connections are closed ones. */
	#onEnd(): void {
		if (this.#phase === "closed") return;
		this.#socket.destroy();
		this.#onGone(false);
	}

	#onGone(byUs: boolean): void {
		if (this.#phase === "closed") return;
		const hadStream = this.#active > 0;
		this.#phase = "closed";
		const { manager } = this;
		manager.countClosed(manager.context.clock.now() - this.#openedAt, byUs, hadStream, 2);
		manager.context.deadlines.cancel(this);
		manager.connections.delete(this);
		for (const { owner } of this.codec.streams()) {
			const http = owner?.http;
			if (owner === undefined || http === undefined) continue;
			owner.http = undefined;
			http.onDownstreamGone();
		}
		this.codec.close();
	}

	#open(stream: Http2Stream<Http2ServerStream>): Http2ServerStream {
		this.#requests++;
		this.#active++;
		const owner = new Http2ServerStream(this, stream);
		stream.owner = owner;
		return owner;
	}

	#touch(owner: Http2ServerStream): void {
		if (owner.isTouched) return;
		owner.isTouched = true;
		this.#touched.push(owner);
	}

	#failStream(owner: Http2ServerStream, details: string): void {
		const { http } = owner;
		if (http === undefined) return;
		owner.http = undefined;
		http.record.protocol = "HTTP/2";
		// A client that has us reset its streams saves itself the frames (CVE-2025-8671).
		const ageMs = this.manager.context.clock.now() - http.record.startedAt;
		http.onDownstreamReset(details, ResponseFlag.downstreamProtocolError);
		this.onStreamOver(true, ageMs);
	}

	#failAll(details: string, flag: number): void {
		for (const { owner } of this.codec.streams()) {
			const http = owner?.http;
			if (owner === undefined || http === undefined) continue;
			owner.http = undefined;
			http.onDownstreamReset(details, flag);
			this.#active--;
		}
	}
}
