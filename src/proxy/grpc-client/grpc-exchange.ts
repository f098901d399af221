import {
	type ClientHttp2Session,
	type ClientHttp2Stream,
	constants,
	type IncomingHttpHeaders,
	type OutgoingHttpHeaders,
} from "node:http2";
import {
	type Clock,
	type DeadlineHolder,
	type DeadlineQueue,
	getHeader,
	type HeaderList,
	type Millis,
} from "../../core/index.ts";
import { grpcStatusOfHttp, httpStatusOfGrpc } from "../../engine/format/index.ts";
import { decodeStatusMessage, formatGrpcTimeout, frameMessage, MessageReader } from "../../wire/grpc/index.ts";
import type { GrpcCall, GrpcStatus, GrpcStream, GrpcStreamHandlers } from "./grpc-client.ts";
import type { SessionGrant } from "./grpc-clients.ts";
import type { SessionWaiter } from "./host-session.ts";

const never = Number.POSITIVE_INFINITY;
/** What one stream may keep while it cannot leave. */
const maxQueuedBytes = 1024 * 1024;
/** Where the caller is asked to wait. */
const highWaterBytes = 64 * 1024;

export interface ExchangeOptions {
	readonly clock: Clock;
	readonly deadlines: DeadlineQueue;
	/** Pseudo headers first. */
	readonly headers: HeaderList;
	/** 0 for none. */
	readonly timeoutMs: number;
	readonly maxMessageBytes: number;
	/** Finds a host and a connection to it, or says why there is none. */
	acquire(waiter: SessionWaiter): SessionGrant | string;
	readonly handlers: GrpcStreamHandlers;
}

/** One call on one HTTP/2 stream. */
export class GrpcExchange implements GrpcStream, GrpcCall, SessionWaiter, DeadlineHolder {
	queuedFor: Millis = never;
	readonly #options: ExchangeOptions;
	readonly #reader: MessageReader;
	readonly #startedAt: Millis;
	#grant: SessionGrant | undefined;
	#stream: ClientHttp2Stream | undefined;
	/** Frames that wait for the connection. */
	#waiting: Buffer[] = [];
	#waitingBytes = 0;
	#wantsDrain = false;
	#isEnded = false;
	#isPaused = false;
	#isOver = false;
	#status = 0;
	#headers: HeaderList = [];
	#trailers: HeaderList | undefined;

	constructor(options: ExchangeOptions) {
		this.#options = options;
		this.#startedAt = options.clock.now();
		this.#reader = new MessageReader(options.maxMessageBytes, (message) => {
			if (!this.#isOver) options.handlers.onMessage(message);
		});
		const grant = options.acquire(this);
		if (typeof grant === "string") {
			queueMicrotask(() => this.#finish({ code: unavailable, message: grant, metadata: [] }));
			return;
		}
		this.#grant = grant;
		if (options.timeoutMs > 0) options.deadlines.schedule(this, this.#startedAt + options.timeoutMs);
	}

	get isOpen(): boolean {
		return this.#stream !== undefined && !this.#isOver;
	}

	get queuedBytes(): number {
		return this.#waitingBytes + (this.#stream?.writableLength ?? 0);
	}

	send(message: Uint8Array): boolean {
		if (this.#isOver || this.#isEnded) return false;
		const frame = frameMessage(message);
		if (this.queuedBytes + frame.length > Math.max(maxQueuedBytes, frame.length)) {
			queueMicrotask(() =>
				this.#fail({ code: resourceExhausted, message: "the service reads too slowly", metadata: [] }),
			);
			return false;
		}
		if (this.#stream === undefined) {
			this.#waiting.push(frame);
			this.#waitingBytes += frame.length;
		} else {
			this.#stream.write(frame);
		}
		if (this.queuedBytes <= highWaterBytes) return true;
		this.#wantsDrain = true;
		return false;
	}

	end(): void {
		if (this.#isEnded) return;
		this.#isEnded = true;
		this.#stream?.end();
	}

	cancel(): void {
		if (this.#isOver) return;
		this.#leave();
		this.#drop();
	}

	pause(): void {
		this.#isPaused = true;
		this.#stream?.pause();
	}

	resume(): void {
		this.#isPaused = false;
		this.#stream?.resume();
	}

	onSessionReady(session: ClientHttp2Session): void {
		if (this.#isOver) return;
		this.#grant?.cluster.reportLocal(this.#grant.host, "connected");
		const { headers, timeoutMs } = this.#options;
		const outgoing: OutgoingHttpHeaders = {};
		for (let index = 0; index < headers.length; index += 2) addOutgoing(outgoing, headers[index]!, headers[index + 1]!);
		if (timeoutMs > 0) outgoing["grpc-timeout"] = formatGrpcTimeout(timeoutMs);
		const { cluster, host, session: hostSession } = this.#grant!;
		outgoing[":scheme"] = host.transportSocket.kind === "tls" ? "https" : "http";
		let stream: ClientHttp2Stream;
		try {
			stream = session.request(outgoing, { endStream: false });
		} catch (error) {
			this.#finish({ code: unavailable, message: (error as Error).message, metadata: [] });
			return;
		}
		this.#stream = stream;
		hostSession.streamOpened();
		cluster.stats.upstream_rq_total.value++;
		cluster.stats.upstream_rq_active.value++;
		host.stats.rq_total.value++;
		host.stats.rq_active.value++;
		host.activeRequests++;
		this.#listen(stream);
		for (const frame of this.#waiting) stream.write(frame);
		this.#waiting = [];
		this.#waitingBytes = 0;
		if (this.#isEnded) stream.end();
		if (this.#isPaused) stream.pause();
		this.#tellDrain();
	}

	onSessionFailed(detail: string): void {
		this.#grant?.cluster.responses.all.count(503);
		this.#grant?.cluster.responses.internal.count(503);
		const cause = `remote connection failure${detail === "" ? "" : `|${detail}`}`;
		const details = `upstream_reset_before_response_started{${cause.replaceAll(" ", "_")}}`;
		// As Envoy words it: the answer that a client of it would have got, and its details.
		const message = `upstream connect error or disconnect/reset before headers. reset reason: remote connection failure{${details}}`;
		this.#finish({ code: unavailable, message, metadata: [] });
	}

	onDeadline(now: Millis): Millis {
		const at = this.#startedAt + this.#options.timeoutMs;
		if (this.#isOver || now < at) return this.#isOver ? never : at;
		const grant = this.#grant;
		if (grant !== undefined) {
			grant.cluster.stats.upstream_rq_timeout.value++;
			grant.host.stats.rq_timeout.value++;
			grant.cluster.responses.all.count(504);
			grant.cluster.responses.internal.count(504);
			if (this.#stream !== undefined) grant.cluster.reportLocal(grant.host, "request-timeout");
		}
		this.#fail({ code: deadlineExceeded, message: "upstream request timeout", metadata: [] });
		return never;
	}

	#listen(stream: ClientHttp2Stream): void {
		stream.on("response", (received) => this.#onHead(received));
		stream.on("trailers", (received) => {
			this.#trailers = toHeaderList(received);
		});
		stream.on("data", (bytes: Buffer) => this.#onData(bytes));
		stream.on("drain", () => this.#tellDrain());
		// The service has ended the stream: nothing that follows from here would be heard.
		stream.on("end", () => stream.end());
		// Why it broke is said by its code; a stream without a listener for errors would end the process.
		stream.on("error", () => stream.destroy());
		stream.once("close", () => {
			this.#grant!.session.streamClosed();
			this.#onClose(stream.rstCode);
		});
	}

	#onHead(received: IncomingHttpHeaders): void {
		if (this.#isOver) return;
		const { cluster, host } = this.#grant!;
		this.#status = Number(received[":status"]);
		this.#headers = toHeaderList(received);
		cluster.responses.all.count(this.#status);
		cluster.responses.internal.count(this.#status);
		const elapsed = this.#options.clock.now() - this.#startedAt;
		cluster.responses.all.recordTime(elapsed);
		cluster.responses.internal.recordTime(elapsed);
		const code = readStatus(this.#headers);
		const status = code === undefined ? this.#status : httpStatusOfGrpc(code);
		cluster.reportResponse(host, status);
		if (status >= 500) host.stats.rq_error.value++;
		else host.stats.rq_success.value++;
		this.#options.handlers.onHeaders?.(this.#headers);
	}

	#onData(bytes: Buffer): void {
		if (this.#isOver || this.#status !== 200) return;
		const problem = this.#reader.read(bytes);
		if (problem !== undefined) this.#fail({ code: internal, message: `${problem} from the service`, metadata: [] });
	}

	#onClose(code: number): void {
		if (this.#isOver) return;
		this.#finish(this.#judgeEnd(code));
	}

	#judgeEnd(resetCode: number): GrpcStatus {
		const metadata = this.#trailers ?? this.#headers;
		const code = readStatus(metadata);
		if (this.#status !== 0 && this.#status !== 200) {
			const message = `the service answered with HTTP status ${this.#status}`;
			return { code: code ?? grpcStatusOfHttp(this.#status), message: readMessage(metadata) ?? message, metadata };
		}
		if (code !== undefined && this.#status === 200) return { code, message: readMessage(metadata) ?? "", metadata };
		const { cluster, host } = this.#grant!;
		if (this.#status === 0) {
			cluster.stats.upstream_rq_rx_reset.value++;
			cluster.responses.all.count(503);
			cluster.responses.internal.count(503);
			cluster.reportLocal(host, "reset");
			const message = "upstream connect error or disconnect/reset before headers. reset reason: remote reset";
			return { code: unavailable, message, metadata: [] };
		}
		if (resetCode === constants.NGHTTP2_NO_ERROR && this.#trailers !== undefined) {
			return { code: unknown, message: "the service sent no grpc-status", metadata };
		}
		cluster.stats.upstream_rq_rx_reset.value++;
		return { code: internal, message: "the service broke the stream off", metadata: [] };
	}

	#tellDrain(): void {
		if (!this.#wantsDrain || this.#isOver || this.queuedBytes > highWaterBytes) return;
		this.#wantsDrain = false;
		this.#options.handlers.onDrain?.();
	}

	/** Ends it from here. */
	#fail(status: GrpcStatus): void {
		if (this.#isOver) return;
		this.#finish(status);
		this.#drop();
	}

	#finish(status: GrpcStatus): void {
		if (this.#isOver) return;
		this.#leave();
		this.#options.handlers.onEnd(status);
	}

	#leave(): void {
		this.#isOver = true;
		this.#waiting = [];
		this.#waitingBytes = 0;
		this.#options.deadlines.cancel(this);
		const grant = this.#grant;
		if (grant === undefined) return;
		grant.release();
		if (this.#stream === undefined) return;
		grant.cluster.stats.upstream_rq_active.value--;
		grant.host.stats.rq_active.value--;
		grant.host.activeRequests--;
	}

	/** Resets the stream, or takes the wait for a connection back. */
	#drop(): void {
		if (this.#stream === undefined) {
			this.#grant?.session.cancel(this);
			return;
		}
		this.#grant!.cluster.stats.upstream_rq_tx_reset.value++;
		this.#stream.close(constants.NGHTTP2_CANCEL);
	}
}

const unknown = 2;
const deadlineExceeded = 4;
const resourceExhausted = 8;
const internal = 13;
const unavailable = 14;

function readStatus(headers: HeaderList): number | undefined {
	const text = getHeader(headers, "grpc-status");
	if (text === undefined) return undefined;
	return /^\d{1,9}$/.test(text) ? Number(text) : unknown;
}

function readMessage(headers: HeaderList): string | undefined {
	const text = getHeader(headers, "grpc-message");
	return text === undefined ? undefined : decodeStatusMessage(text);
}

function toHeaderList(received: IncomingHttpHeaders): HeaderList {
	const headers: HeaderList = [];
	for (const [name, value] of Object.entries(received)) {
		if (value === undefined) continue;
		for (const one of Array.isArray(value) ? value : [value]) headers.push(name, one);
	}
	return headers;
}

function addOutgoing(headers: OutgoingHttpHeaders, name: string, value: string): void {
	const known = headers[name];
	if (known === undefined) headers[name] = value;
	else headers[name] = Array.isArray(known) ? [...known, value] : [String(known), value];
}
