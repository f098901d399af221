import { requestJoinedHeaders } from "../../core/index.ts";
import { authorityBit, characterClass, hasOnly, targetBit } from "./characters.ts";
import type { Http1Fault } from "./errors.ts";
import { type Http1BodySink, type Http1ParserConfig, MessageParser } from "./message-parser.ts";
import { splitAbsoluteTarget } from "./request-target.ts";

/** Bounds and choices of a request parser. */
export interface Http1RequestParserConfig extends Http1ParserConfig {
	/** HTTP/1.0 requests are taken; otherwise they are the fault `low-version`. */
	readonly acceptHttp10: boolean;
	/** Absolute targets are split into authority and path; otherwise they stay the path. */
	readonly allowAbsoluteTarget: boolean;
	/** Content-Length beside chunked is dropped; otherwise it is a fault. */
	readonly allowChunkedLength: boolean;
	/** What happens to header names with an underscore. */
	readonly underscores: "allow" | "reject" | "drop";
}

/** Who gets requests. */
export interface Http1RequestSink extends Http1BodySink {
	/** A head; the parser's fields and `headers` describe it until {@link MessageParser.next}. `endStream`: no body follows.
	 *  The sink may call {@link MessageParser.startTunnel}. */
	onRequest(endStream: boolean): void;
	/** Fields dropped for an underscore in their name. */
	onUnderscoresDropped(count: number): void;
}

const methods: ReadonlySet<string> = new Set(
	(
		"ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE MSEARCH NOTIFY OPTIONS " +
		"PATCH POST PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE"
	).split(" "),
);

/** Fields that no client may declare hop-by-hop: without them the next hop would read another request than was checked here. */
const neverNominated: ReadonlySet<string> = new Set([
	"host",
	"content-length",
	"transfer-encoding",
	"x-forwarded-for",
	"x-forwarded-host",
	"x-forwarded-proto",
]);

/** Parses requests of one connection (RFC 9112), in order. */
export class Http1RequestParser extends MessageParser {
	method = "";
	/** The target as it came. */
	target = "";
	/** The path with query; empty for CONNECT. */
	path = "";
	/** From an absolute target or CONNECT, else Host; undefined when neither is there. */
	authority: string | undefined;
	/** Of an absolute target; empty otherwise. */
	scheme = "";
	/** 1 for HTTP/1.1; 0 for everything older. */
	versionMinor: 0 | 1 = 1;
	/** The protocol the request asks to change to, as sent (`CONNECT` for CONNECT); undefined when it does not ask. */
	upgrade: string | undefined;
	readonly #config: Http1RequestParserConfig;
	readonly #sink: Http1RequestSink;

	constructor(config: Http1RequestParserConfig, sink: Http1RequestSink) {
		super(config, sink, requestJoinedHeaders);
		this.#config = config;
		this.#sink = sink;
	}

	protected takeFirstLine(text: string): number | "irregular" | Http1Fault {
		let at = text.indexOf(" ");
		const lineEnd = text.indexOf("\n") - 1;
		if (lineEnd === -2) return -1;
		if (lineEnd === -1 || text.indexOf("\r") !== lineEnd) return "irregular";
		if (at === -1 || at > lineEnd) return "malformed";
		const method = at === 3 && text.startsWith("GET") ? "GET" : text.slice(0, at);
		if (!methods.has(method)) return "malformed";
		while (text.charCodeAt(at) === 32) at++;
		const start = at;
		while ((characterClass[text.charCodeAt(at)]! & targetBit) !== 0) at++;
		if (at === start) return "malformed";
		const end = at;
		while (text.charCodeAt(at) === 32) at++;
		if (at === end && at !== lineEnd) return "malformed";
		this.method = method;
		this.target = text.slice(start, end);
		const version = at === lineEnd - 8 && text.startsWith("HTTP/1.1", at) ? 1 : parseVersion(text.slice(at, lineEnd));
		if (version === undefined || !isTarget(this.target, method === "CONNECT")) return "malformed";
		if (version === 0 && !this.#config.acceptHttp10) return "low-version";
		// HTTP/0.9 has no head: whoever reads one behind it is told apart.
		if (at === lineEnd) return "malformed";
		this.versionMinor = version;
		return lineEnd + 2;
	}

	protected onHead(): Http1Fault | undefined {
		const headers = this.headers;
		const config = this.#config;
		this.scheme = "";
		this.authority = headers.host;
		this.path = this.target;
		const isConnect = this.method === "CONNECT";
		if (headers.hasUnderscore && config.underscores !== "allow") {
			if (config.underscores === "reject") return "underscore";
			this.#sink.onUnderscoresDropped(headers.dropUnderscores());
		}
		if (this.target.charCodeAt(0) !== 47) {
			const fault = this.#takeTarget(isConnect);
			if (fault !== undefined) return fault;
		}
		this.upgrade = isConnect ? "CONNECT" : this.#findUpgrade();
		if (this.authority !== undefined && !hasOnly(this.authority, authorityBit)) return "invalid-authority";
		if (headers.connection !== undefined && !this.#dropNominated(headers.connection)) return "malformed";
		return this.#frame(isConnect);
	}

	#frame(isConnect: boolean): Http1Fault | undefined {
		const headers = this.headers;
		const length = headers.contentLength;
		const coding = headers.transferEncoding;
		if (length === undefined && coding === undefined) {
			if (this.upgrade === undefined) {
				this.expectNothing();
				this.#sink.onRequest(true);
			} else {
				this.startTunnel();
				this.#sink.onRequest(false);
			}
			return undefined;
		}
		if (coding !== undefined) {
			if (coding.toLowerCase() !== "chunked" || isConnect) {
				return length !== undefined ? "length-and-chunked" : "invalid-transfer-encoding";
			}
			if (length !== undefined) {
				if (!this.#config.allowChunkedLength) return "length-and-chunked";
				headers.drop(["content-length"]);
				headers.contentLength = undefined;
			}
			if (this.upgrade === undefined) this.expectChunked();
			else this.startTunnel();
			this.#sink.onRequest(false);
			return undefined;
		}
		const bytes = headers.contentLengthCount > 1 ? undefined : parseContentLength(length!);
		if (bytes === undefined) return "malformed";
		if (isConnect) {
			if (bytes > 0) return "body-disallowed";
			headers.drop(["content-length"]);
		}
		if (this.upgrade !== undefined) this.startTunnel();
		else if (bytes === 0) this.expectNothing();
		else this.expectFixed(bytes);
		this.#sink.onRequest(bytes === 0 && this.upgrade === undefined);
		return undefined;
	}

	#takeTarget(isConnect: boolean): Http1Fault | undefined {
		if (isConnect) {
			this.authority = this.target;
			this.path = "";
			return undefined;
		}
		if (this.target === "*" ? this.method === "OPTIONS" : !this.#config.allowAbsoluteTarget) return undefined;
		const parts = splitAbsoluteTarget(this.target);
		if (parts === undefined) return "invalid-url";
		this.authority = parts.authority;
		this.path = parts.path;
		this.scheme = parts.scheme;
		return parts.scheme === "http" || parts.scheme === "https" ? undefined : "invalid-scheme";
	}

	/** The upgrade asked for. h2c is never one; then its tokens leave Connection. */
	#findUpgrade(): string | undefined {
		const { upgrade, connection } = this.headers;
		if (upgrade === undefined || connection === undefined || !hasToken(connection, "upgrade")) return undefined;
		if (upgrade.toLowerCase() === "h2c") {
			this.headers.drop(["http2-settings"]);
			return undefined;
		}
		return upgrade;
	}

	/** Takes out the fields that Connection names; with an upgrade they stay.
	 *  @returns false when it names a field that says where the request goes, where its body ends or whom it is for */
	#dropNominated(connection: string): boolean {
		if (connection.length <= 10 && /^(?:close|keep-alive|upgrade|te)$/i.test(connection)) return true;
		const names = connection
			.toLowerCase()
			.split(",")
			.map((name) => name.trim());
		if (names.some((name) => neverNominated.has(name) || name.startsWith(":"))) return false;
		if (this.upgrade === undefined) {
			this.headers.drop(names.filter((name) => name !== "" && name !== "close" && name !== "te"));
		}
		return true;
	}
}

/** Whether a comma-separated value has `token` (lower case), ignoring case. */
export function hasToken(value: string, token: string): boolean {
	if (value.length < token.length) return false;
	if (value.indexOf(",") === -1) return value.length === token.length && value.toLowerCase() === token;
	return value
		.toLowerCase()
		.split(",")
		.some((part) => part.trim() === token);
}

/** A Content-Length of digits only, or undefined. */
export function parseContentLength(text: string): number | undefined {
	if (text.length === 0 || text.length > 19) return undefined;
	let value = 0;
	for (let index = 0; index < text.length; index++) {
		const digit = text.charCodeAt(index) - 48;
		if (digit < 0 || digit > 9) return undefined;
		value = value * 10 + digit;
	}
	return Number.isSafeInteger(value) ? value : undefined;
}

/** 1 for HTTP/1.1, 0 for every other version (nothing at all is HTTP/0.9), undefined when it is no version. */
function parseVersion(text: string): 0 | 1 | undefined {
	if (text === "") return 0;
	return /^HTTP\/\d\.\d$/.test(text) ? (text === "HTTP/1.1" ? 1 : 0) : undefined;
}

/** Origin form and `*` take any visible character; the rest must look like `scheme://authority…`. CONNECT takes a host with its
 *  port and nothing else. */
function isTarget(target: string, isConnect: boolean): boolean {
	if (isConnect) return hasOnly(target, authorityBit) && /^(?:\[[^\]]+\]|[^:@]+):\d{1,5}$/.test(target);
	const first = target.charCodeAt(0);
	if (first === 47 || first === 42) return true;
	const rest = /^[A-Za-z]+:\/\/(.*)$/s.exec(target)?.[1];
	if (rest === undefined) return false;
	const pathStart = rest.search(/[/?]/);
	const authority = pathStart === -1 ? rest : rest.slice(0, pathStart);
	return hasOnly(authority, authorityBit) && !authority.includes("@@");
}
