import { responseJoinedHeaders } from "../../core/index.ts";
import { characterClass, valueBit } from "./characters.ts";
import type { Http1Fault } from "./errors.ts";
import { type Http1BodySink, type Http1ParserConfig, MessageParser, ParserState } from "./message-parser.ts";
import { hasToken, parseContentLength } from "./request-parser.ts";

/** Who gets responses. */
export interface Http1ResponseSink extends Http1BodySink {
	/** A 1xx head other than 101; the final one follows. */
	onInformational(): void;
	/** The final head; the parser's fields and `headers` describe it until {@link MessageParser.next}. */
	onResponse(endStream: boolean): void;
}

const protocol = "HTTP/1.";

/** Parses the responses of one connection in order; told before each what was asked. */
export class Http1ResponseParser extends MessageParser {
	status = 0;
	versionMinor: 0 | 1 = 1;
	/** Whether the connection may carry another request after this response. */
	isReusable = true;
	/** Length of the body when the head says it, -1 when chunked or until close. */
	contentLength = -1;
	#isHead = false;
	#isConnect = false;
	#upgrade: string | undefined;
	readonly #sink: Http1ResponseSink;

	protected override readonly skipsEmptyLines: boolean = false;

	constructor(config: Http1ParserConfig, sink: Http1ResponseSink) {
		super(config, sink, responseJoinedHeaders);
		this.#sink = sink;
	}

	/** Value of Upgrade. */
	get upgrade(): string | undefined {
		return this.headers.upgrade;
	}

	/** What the next response answers. `upgrade` is set when the request asked for one. */
	expect(method: string, upgrade: string | undefined): void {
		this.#isHead = method === "HEAD";
		this.#isConnect = method === "CONNECT";
		this.#upgrade = upgrade;
		this.next();
	}

	/** The peer closed: the end of a body that lasts until then, else a fault when a message is unfinished.
	 *  @returns whether the message ended properly */
	finish(): boolean {
		return this.state === ParserState.untilClose;
	}

	/** Who speaks another protocol (HTTP/2, TLS) may wait for us before its first line ends. */
	protected override canBeginWith(text: string): boolean {
		return text.startsWith(protocol) || protocol.startsWith(text);
	}

	protected takeFirstLine(text: string): number | "irregular" | Http1Fault {
		const lineEnd = text.indexOf("\n") - 1;
		if (lineEnd >= -1 && text.indexOf("\r") !== lineEnd) return "irregular";
		if (lineEnd === -2) return text.length > 8 && !text.startsWith("HTTP/") ? "malformed" : -1;
		if (!text.startsWith(protocol) || text.charCodeAt(8) !== 32) return "malformed";
		const minor = text.charCodeAt(7) - 48;
		if (minor < 0 || minor > 9) return "malformed";
		let at = 9;
		let status = 0;
		for (; at < lineEnd; at++) {
			const digit = text.charCodeAt(at) - 48;
			if (digit < 0 || digit > 9) break;
			status = status * 10 + digit;
		}
		if (status < 100 || status > 9999 || (at < lineEnd && text.charCodeAt(at) !== 32)) return "malformed";
		for (; at < lineEnd; at++) if ((characterClass[text.charCodeAt(at)]! & valueBit) === 0) return "malformed";
		this.status = status;
		this.versionMinor = minor >= 1 ? 1 : 0;
		return lineEnd + 2;
	}

	protected onHead(): Http1Fault | undefined {
		const { headers, status } = this;
		this.contentLength = -1;
		if (status < 200 && status !== 101) {
			// It has no body (RFC 9110 section 15.2): who reads one takes the answer behind it for that.
			const length = headers.contentLength;
			if (headers.transferEncoding !== undefined) return "body-disallowed";
			if (length !== undefined && (headers.contentLengthCount > 1 || parseContentLength(length) !== 0))
				return "body-disallowed";
			if (length !== undefined) headers.drop(["content-length"]);
			this.#sink.onInformational();
			if (this.state === ParserState.head) this.next();
			return undefined;
		}
		this.isReusable = this.#decideReuse();
		if (status === 101 ? this.#upgrade !== undefined : this.#isConnect && status < 300) {
			this.startTunnel();
			this.isReusable = false;
			this.#sink.onResponse(false);
			return undefined;
		}
		const coding = headers.transferEncoding;
		if (headers.contentLength !== undefined) {
			const bytes = headers.contentLengthCount > 1 ? undefined : parseContentLength(headers.contentLength);
			if (bytes === undefined) return "malformed";
			if (coding !== undefined) return "length-and-chunked";
			if (status === 204 && bytes > 0) return "body-disallowed";
			if (status === 204) headers.drop(["content-length"]);
			this.contentLength = bytes;
		} else if (coding !== undefined) {
			if (coding.toLowerCase() !== "chunked") return "invalid-transfer-encoding";
			if (status === 204) return "body-disallowed";
		}
		if (this.#isHead || status === 204 || status === 304 || status === 101 || this.contentLength === 0) {
			this.expectNothing();
			this.#sink.onResponse(true);
			return undefined;
		}
		if (this.contentLength > 0) this.expectFixed(this.contentLength);
		else if (coding !== undefined) this.expectChunked();
		else {
			this.isReusable = false;
			this.expectUntilClose();
		}
		this.#sink.onResponse(false);
		return undefined;
	}

	#decideReuse(): boolean {
		const connection = this.headers.connection;
		if (this.versionMinor === 0) return connection !== undefined && hasToken(connection, "keep-alive");
		return connection === undefined || !hasToken(connection, "close");
	}
}
