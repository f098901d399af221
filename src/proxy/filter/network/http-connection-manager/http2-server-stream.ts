import type { HeaderList } from "../../../../core/index.ts";
import type { ConnectionFacts, TlsSession } from "../../../../engine/format/index.ts";
import { Http2ErrorCode, type Http2Head, type Http2Stream } from "../../../../wire/http2/index.ts";
import type { HttpConnectionManagerConfig } from "../../../runtime-config/index.ts";
import { PassRequestHead, type PassResponseHead } from "../../http/pass-head.ts";
import { withoutConnectionFields } from "./connection-fields.ts";
import type { DownstreamStream, HttpProtocol } from "./downstream-stream.ts";
import { HttpStream } from "./http-stream.ts";
import type { Http2ServerConnection } from "./http2-server-connection.ts";

/** One stream of a downstream HTTP/2 connection, as the client's side of an {@link HttpStream}. */
export class Http2ServerStream implements DownstreamStream {
	readonly connection: Http2ServerConnection;
	/** The request and its response; undefined once they are over. */
	http: HttpStream | undefined;
	/** It waits for the end of a read. */
	isTouched = false;
	/** The response is complete. */
	isAnswered = false;
	readonly #stream: Http2Stream<Http2ServerStream>;
	/** The request asks for a tunnel to a protocol (RFC 8441). */
	#isExtendedConnect = false;
	#isTunnel = false;
	#pauses = 0;
	/** Bytes whose credit is held back while paused. */
	#heldCredit = 0;

	constructor(connection: Http2ServerConnection, stream: Http2Stream<Http2ServerStream>) {
		this.connection = connection;
		this.#stream = stream;
		this.http = new HttpStream(connection.manager, this);
	}

	get facts(): ConnectionFacts {
		return this.connection.facts;
	}

	get protocol(): HttpProtocol {
		return "HTTP/2";
	}

	describeClient(tls: TlsSession, describe: (tls: TlsSession, config: HttpConnectionManagerConfig) => string): string {
		return this.connection.describeClient(tls, describe);
	}

	// --- from the connection

	/** The request's head is here. An extended CONNECT is what an upgrade is in HTTP/1. */
	start(head: Http2Head, fields: HeaderList, endStream: boolean): void {
		const { protocol, authority } = head;
		let { method } = head;
		let upgrade: string | undefined;
		if (method === "CONNECT") {
			this.#isTunnel = true;
			upgrade = protocol ?? "CONNECT";
			if (protocol !== undefined) {
				this.#isExtendedConnect = true;
				method = "GET";
				fields.push("connection", "upgrade", "upgrade", protocol);
			}
		}
		const request = new PassRequestHead(fields, method, head.path, authority ?? "", head.scheme, upgrade);
		request.mayHaveExtensions = head.hasExtension;
		const http = this.http!;
		http.record.requestHeaderBytes = head.bytes;
		http.start(request, authority !== undefined && authority !== "", endStream);
	}

	onData(view: Buffer, endStream: boolean): void {
		this.http?.onBody(view, endStream);
		if (view.length === 0 || this.#stream.isClosed) return;
		if (this.#pauses > 0) this.#heldCredit += view.length;
		else this.connection.codec.consume(this.#stream, view.length);
	}

	// --- from the stream

	writeInformational(status: number, headers: HeaderList): void {
		this.connection.codec.sendHead(this.#stream, status, withoutConnectionFields(headers), false);
	}

	writeHead(head: PassResponseHead, endStream: boolean): void {
		const fields = withoutConnectionFields(head.headers);
		// RFC 8441, section 5: what HTTP/1 calls switching protocols is a success here.
		const status = this.#isExtendedConnect && head.status === 101 ? 200 : head.status;
		if (endStream) this.isAnswered = true;
		this.connection.onResponse();
		this.connection.codec.sendHead(this.#stream, status, fields, endStream);
	}

	writeBody(view: Buffer, last: boolean): boolean {
		if (last) this.isAnswered = true;
		if (this.#stream.isClosed) return true;
		return this.connection.codec.sendData(this.#stream, view, last);
	}

	writeTrailers(trailers: HeaderList): void {
		this.isAnswered = true;
		this.connection.codec.sendTrailers(this.#stream, trailers);
	}

	/** Everything leaves at the turn's end anyway. */
	flush(): void {
		return;
	}

	/** The stream ends behind its response anyway. */
	closeAfterResponse(): void {
		return;
	}

	pauseReading(): void {
		this.#pauses++;
	}

	resumeReading(): void {
		if (this.#pauses === 0 || --this.#pauses > 0) return;
		this.#giveCredit();
	}

	#giveCredit(): void {
		const credit = this.#heldCredit;
		if (credit === 0) return;
		this.#heldCredit = 0;
		this.connection.codec.consume(this.#stream, credit);
	}

	armDeadline(): void {
		if (this.http !== undefined) this.connection.armDeadline(this.http.nextDeadline());
	}

	createStream(): HttpStream {
		this.http = new HttpStream(this.connection.manager, this);
		return this.http;
	}

	onStreamEnd(requestComplete: boolean): void {
		const { connection } = this;
		const stream = this.#stream;
		this.http = undefined;
		this.#pauses = 0;
		connection.onStreamOver(false);
		if (stream.isClosed) return;
		const isCut = !requestComplete && !stream.isRemoteDone;
		// As in Envoy, where our own resets count as the client's.
		if (isCut || !this.isAnswered) connection.manager.stats.downstream_rq_rx_reset.value++;
		if (!this.isAnswered) {
			const code = this.#isTunnel ? Http2ErrorCode.connectError : Http2ErrorCode.internalError;
			connection.codec.resetStream(stream, code);
			return;
		}
		if (!isCut) this.#giveCredit();
		connection.finishLater(stream, !isCut);
	}
}
