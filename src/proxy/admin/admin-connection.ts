import type { Socket } from "node:net";
import type { HeaderList } from "../../core/index.ts";
import { Http1RequestParser, type Http1RequestSink, hasToken, ParserState } from "../../wire/http1/index.ts";
import { AdminExchange } from "./admin-exchange.ts";

/** Who serves a connection's requests. */
export interface AdminConnectionSink {
	/** A request with its body: the next one comes when it is answered. */
	onExchange(exchange: AdminExchange): void;
	/** What came is no HTTP/1: the text is the last that is sent. */
	describeFault(): string;
}

/** Longest body that is kept. */
const maxBodyBytes = 64 * 1024;
/** With so many bytes behind the current request, no more are read. */
const maxRestBytes = 64 * 1024;
/** A connection without a request ends when nothing came for this long. */
const idleTimeoutMs = 300_000;

const parserConfig = {
	maxHeadBytes: 60 * 1024,
	maxHeaderCount: 100,
	keepTrailers: false,
	acceptHttp10: true,
	allowAbsoluteTarget: false,
	allowChunkedLength: false,
	underscores: "allow",
} as const;

/** One connection to the admin port: requests one after the other, with Node's sockets and the own codec, for `node:http` takes 4 ms of
 *  processor time to load and cannot be part of a snapshot. */
export class AdminConnection implements Http1RequestSink {
	readonly #socket: Socket;
	readonly #sink: AdminConnectionSink;
	readonly #parser = new Http1RequestParser(parserConfig, this);
	#exchange: AdminExchange | undefined;
	/** The body of the request that is read. */
	#body: Buffer[] = [];
	#bodyBytes = 0;
	/** Bytes behind the current request. */
	#rest: Buffer[] = [];
	#restBytes = 0;
	/** The client sends nothing more. */
	#hasEnded = false;
	#failed = false;

	/** @param socket of a server with `allowHalfOpen` */
	constructor(socket: Socket, sink: AdminConnectionSink) {
		this.#socket = socket;
		this.#sink = sink;
		socket.setTimeout(idleTimeoutMs);
		socket
			.on("data", (data: Buffer) => this.#onData(data))
			.on("end", () => this.#onEnd())
			.on("error", () => socket.destroy())
			.on("timeout", () => {
				if (this.#exchange === undefined) socket.destroy();
			});
	}

	onRequest(endStream: boolean): void {
		const parser = this.#parser;
		if (parser.upgrade !== undefined || endStream) {
			this.#begin();
		} else if (parser.headers.expect?.toLowerCase() === "100-continue") {
			this.#socket.write("HTTP/1.1 100 Continue\r\n\r\n");
		}
	}

	onBody(data: Buffer, last: boolean): void {
		// Behind an upgrade that nobody answers with one.
		if (this.#exchange !== undefined) return;
		this.#bodyBytes += data.length;
		if (this.#bodyBytes <= maxBodyBytes) this.#body.push(Buffer.from(data));
		if (last) this.#begin();
	}

	onTrailers(_trailers: HeaderList): void {
		this.#begin();
	}

	onUnderscoresDropped(): void {
		// They are allowed.
	}

	#onData(data: Buffer): void {
		if (this.#failed) return;
		if (this.#exchange !== undefined) {
			this.#keep(data);
			return;
		}
		const parser = this.#parser;
		// A client that speaks TLS waits for an answer, without a line end that a parser would judge.
		if (!parser.isInMessage && !beginsMethod(data[0]!)) {
			this.#fail();
			return;
		}
		let at = 0;
		while (at < data.length && this.#exchange === undefined && parser.state !== ParserState.failed) {
			at = parser.execute(data, at, data.length);
		}
		if (parser.state === ParserState.failed) this.#fail();
		else if (at < data.length) this.#keep(data.subarray(at));
		else if (this.#hasEnded && this.#exchange === undefined) this.#socket.end();
	}

	#keep(data: Buffer): void {
		this.#rest.push(Buffer.from(data));
		this.#restBytes += data.length;
		if (this.#restBytes > maxRestBytes) this.#socket.pause();
	}

	#begin(): void {
		const { method, target, versionMinor, headers, upgrade } = this.#parser;
		const closes =
			upgrade !== undefined ||
			(headers.connection === undefined
				? versionMinor === 0
				: hasToken(headers.connection, "close") || (versionMinor === 0 && !hasToken(headers.connection, "keep-alive")));
		const body = this.#bodyBytes > maxBodyBytes ? undefined : Buffer.concat(this.#body).toString("utf8");
		this.#body = [];
		this.#bodyBytes = 0;
		const request = { method, target, versionMinor, authority: headers.host, headers: headers.list, body };
		const exchange = new AdminExchange(this.#socket, request, closes, (isLast) => this.#onAnswered(isLast));
		this.#exchange = exchange;
		this.#sink.onExchange(exchange);
	}

	/** The next request of those that wait. */
	#onAnswered(closes: boolean): void {
		this.#exchange = undefined;
		if (closes || (this.#hasEnded && this.#restBytes === 0)) {
			this.#socket.end();
			return;
		}
		this.#parser.next();
		const waiting = Buffer.concat(this.#rest);
		this.#rest = [];
		this.#restBytes = 0;
		this.#socket.resume();
		if (waiting.length > 0) process.nextTick(() => this.#onData(waiting));
	}

	#onEnd(): void {
		this.#hasEnded = true;
		if (this.#exchange?.endsWithClient === true) this.#socket.destroy();
		else if (this.#exchange === undefined && !this.#failed) this.#socket.end();
	}

	#fail(): void {
		this.#failed = true;
		this.#socket.end(this.#sink.describeFault());
	}
}

/** Whether a request may begin with this byte: a capital, or one of an empty line. */
function beginsMethod(byte: number): boolean {
	return (byte >= 65 && byte <= 90) || byte === 13 || byte === 10;
}
