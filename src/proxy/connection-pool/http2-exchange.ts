import type { HeaderList } from "../../core/index.ts";
import type { SocketAddress, TlsSession } from "../../engine/format/index.ts";
import { Http2ErrorCode, type Http2Head, type Http2Stream } from "../../wire/http2/index.ts";
import type { Http2ClientConnection } from "./http2-client-connection.ts";
import type { ResetReason } from "./reset-reason.ts";
import type { OutgoingRequest, ResponseReceiver, UpstreamExchange, UpstreamResponse } from "./upstream-pool.ts";

const noFields: HeaderList = [];

/** One request and its response on a shared HTTP/2 connection. */
export class Http2Exchange implements UpstreamExchange, UpstreamResponse {
	readonly connection: Http2ClientConnection;
	readonly protocol: string = "HTTP/2";
	status = 0;
	headers: HeaderList = noFields;
	contentLength = -1;
	/** What the request asked to become, when the answer agrees. */
	upgrade: string | undefined = undefined;
	isResponseComplete = false;
	/** The head of the answer is held downstream until the turn's end. */
	awaitsTurnEnd = false;
	#receiver: ResponseReceiver | undefined;
	#stream: Http2Stream<Http2Exchange> | undefined;
	#requestUpgrade: string | undefined;
	#isPaused = false;
	/** Bytes whose credit is held back while paused. */
	#heldCredit = 0;

	constructor(connection: Http2ClientConnection) {
		this.connection = connection;
	}

	get id(): number {
		return this.connection.id;
	}

	get localAddress(): SocketAddress | undefined {
		return this.connection.localAddress;
	}

	get remoteAddress(): SocketAddress | undefined {
		return this.connection.remoteAddress;
	}

	get tlsSession(): TlsSession | undefined {
		return this.connection.tlsSession;
	}

	get bufferedBytes(): number {
		return this.#stream?.pendingBytes ?? 0;
	}

	// --- from the router

	begin(receiver: ResponseReceiver, request: OutgoingRequest): void {
		this.#receiver = receiver;
		this.#requestUpgrade = request.upgrade;
	}

	writeRequest(request: OutgoingRequest, endStream: boolean, _hasLength: boolean): void {
		this.#stream = this.connection.openStream(this, request, endStream);
	}

	writeBody(view: Buffer, last: boolean, _owned: boolean): boolean {
		const stream = this.#stream;
		if (stream === undefined || stream.isClosed) return true;
		const isWritable = this.connection.codec.sendData(stream, view, last);
		if (!isWritable && !last) this.connection.pool.cluster.stats.upstream_flow_control_backed_up_total.value++;
		return isWritable;
	}

	writeTrailers(trailers: HeaderList): void {
		const stream = this.#stream;
		if (stream !== undefined && !stream.isClosed) this.connection.codec.sendTrailers(stream, trailers);
	}

	/** Everything leaves at the turn's end anyway. */
	flush(): void {
		return;
	}

	pause(): void {
		this.#isPaused = true;
	}

	resume(): void {
		this.#isPaused = false;
		const stream = this.#stream;
		const credit = this.#heldCredit;
		if (credit === 0 || stream === undefined) return;
		this.#heldCredit = 0;
		if (!stream.isClosed) this.connection.codec.consume(stream, credit);
	}

	abandon(): void {
		this.#receiver = undefined;
		const stream = this.#stream;
		this.resume();
		if (stream === undefined || stream.isClosed) return;
		this.connection.countLocalReset();
		// Told back by onClosed.
		this.connection.codec.resetStream(stream, this.isResponseComplete ? Http2ErrorCode.noError : Http2ErrorCode.cancel);
	}

	// --- from the codec

	onHead({ status, contentLength }: Http2Head, fields: HeaderList, endStream: boolean): void {
		this.status = status;
		this.contentLength = contentLength;
		this.headers = fields;
		if (endStream) this.isResponseComplete = true;
		if (this.#requestUpgrade !== undefined && this.#requestUpgrade !== "CONNECT" && status === 200) {
			// Extended CONNECT says 200 where HTTP/1 says 101 (RFC 8441 section 5).
			this.status = 101;
			this.upgrade = this.#requestUpgrade;
		}
		this.#receiver?.onUpstreamResponse(this, endStream);
	}

	onInformational(status: number, fields: HeaderList): void {
		this.#receiver?.onUpstreamInformational({ status, headers: fields, contentLength: -1, upgrade: undefined });
	}

	onData(view: Buffer, endStream: boolean): void {
		if (endStream) this.isResponseComplete = true;
		this.#receiver?.onUpstreamBody(view, endStream);
		if (view.length === 0) return;
		const stream = this.#stream!;
		if (this.#isPaused) this.#heldCredit += view.length;
		else if (!stream.isClosed) this.connection.codec.consume(stream, view.length);
	}

	onTrailers(fields: HeaderList): void {
		this.isResponseComplete = true;
		this.#receiver?.onUpstreamTrailers(fields);
	}

	onWritable(): void {
		this.#receiver?.onUpstreamDrain();
	}

	onTurnEnd(): void {
		this.awaitsTurnEnd = false;
		this.#receiver?.onUpstreamTurnEnd();
	}

	/** The exchange is over, and its response will not be completed. */
	fail(reason: ResetReason, detail: string): void {
		const receiver = this.#receiver;
		this.#receiver = undefined;
		receiver?.onUpstreamReset(reason, detail);
	}
}
