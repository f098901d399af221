import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type HeaderValue, HeaderValueSchema } from "../../../../api/gen/envoy/config/core/v3/base_pb.js";
import {
	type Body,
	BodySchema,
	type Connection,
	ConnectionSchema,
} from "../../../../api/gen/envoy/data/tap/v3/common_pb.js";
import type { HeaderList } from "../../../../core/index.ts";
import type { RequestHead, SocketAddress } from "../../../../engine/format/index.ts";
import { MessageMatch } from "../../../../engine/matcher/index.ts";
import { toAddress } from "../../../access-log/index.ts";
import type { TapConfig, TapFilterConfig } from "../../../runtime-config/index.ts";
import { makeTrace, type TraceMessage, type TraceSink } from "../../../tap/index.ts";
import type { PassResponseHead } from "../pass-head.ts";
import type { StreamRecord } from "../stream-record.ts";

type Direction = "request" | "response";

/** A body as far as it is kept. */
interface KeptBody {
	readonly pieces: Buffer[];
	bytes: number;
	isTruncated: boolean;
}

/** One request that may be recorded. Streamed traces begin when the predicate matches: what was kept until then goes first. */
export class RequestTap {
	readonly #config: TapConfig;
	readonly #traceId: bigint;
	readonly #sink: TraceSink;
	readonly #match: MessageMatch;
	readonly #wall: () => number;
	#request: RequestHead | undefined;
	#response: PassResponseHead | undefined;
	readonly #bodies: Record<Direction, KeptBody | undefined> = { request: undefined, response: undefined };
	readonly #trailers: Record<Direction, HeaderList | undefined> = { request: undefined, response: undefined };
	readonly #receivedAt: Record<Direction, number> = { request: 0, response: 0 };
	#isStreaming = false;

	constructor(config: TapConfig, traceId: bigint, sink: TraceSink, wall: () => number) {
		this.#config = config;
		this.#traceId = traceId;
		this.#sink = sink;
		this.#wall = wall;
		this.#match = new MessageMatch(config.match);
	}

	onRequestHead(request: RequestHead): void {
		this.#request = request;
		this.#receivedAt.request = this.#wall();
		this.#match.onRequestHeaders(request);
		this.#stream();
	}

	onResponseHead(head: PassResponseHead): void {
		this.#response = head;
		this.#receivedAt.response = this.#wall();
		this.#match.onFields("response-headers", [":status", String(head.status), ...head.headers]);
		if (this.#isStreaming) this.#sendFields("responseHeaders", this.#responseFields());
		else this.#stream();
	}

	onBody(direction: Direction, bytes: Buffer): void {
		this.#match.onBody(`${direction}-body`, bytes);
		const maxBytes = this.#config[direction === "request" ? "maxRequestBytes" : "maxResponseBytes"];
		if (this.#isStreaming) {
			const isTruncated = bytes.length > maxBytes;
			this.#sendBody(direction, { pieces: [bytes.subarray(0, maxBytes)], bytes: 0, isTruncated });
			return;
		}
		const kept = this.#bodies[direction] ?? { pieces: [], bytes: 0, isTruncated: false };
		this.#bodies[direction] = kept;
		const taken = bytes.subarray(0, maxBytes - kept.bytes);
		if (taken.length > 0) kept.pieces.push(Buffer.from(taken));
		kept.bytes += taken.length;
		kept.isTruncated ||= taken.length < bytes.length;
		this.#stream();
	}

	onTrailers(direction: Direction, trailers: HeaderList): void {
		this.#trailers[direction] = trailers;
		this.#match.onFields(`${direction}-trailers`, trailers);
		if (this.#isStreaming) this.#sendFields(`${direction}Trailers`, trailers);
		else this.#stream();
	}

	/** @returns whether the request was recorded */
	onEnd(record: StreamRecord, filter: TapFilterConfig): boolean {
		if (this.#match.matches && !this.#config.streaming) this.#sink.submit(this.#makeWhole(record, filter));
		this.#sink.end();
		return this.#match.matches;
	}

	/** Begins to stream once the predicate matches. */
	#stream(): void {
		if (!this.#config.streaming || this.#isStreaming || !this.#match.matches) return;
		this.#isStreaming = true;
		const { request: requestBody, response: responseBody } = this.#bodies;
		const { request: requestTrailers, response: responseTrailers } = this.#trailers;
		this.#sendFields("requestHeaders", this.#requestFields());
		if (requestBody !== undefined) this.#sendBody("request", requestBody);
		if (requestTrailers !== undefined) this.#sendFields("requestTrailers", requestTrailers);
		if (this.#response !== undefined) this.#sendFields("responseHeaders", this.#responseFields());
		if (responseBody !== undefined) this.#sendBody("response", responseBody);
		if (responseTrailers !== undefined) this.#sendFields("responseTrailers", responseTrailers);
	}

	#sendFields(
		part: "requestHeaders" | "requestTrailers" | "responseHeaders" | "responseTrailers",
		fields: HeaderList,
	): void {
		const value = { headers: toHeaders(fields) };
		this.#sink.submit(
			makeTrace({ kind: "segment", value: { traceId: this.#traceId, messagePiece: { case: part, value } } }),
		);
	}

	#sendBody(direction: Direction, kept: KeptBody): void {
		const part = direction === "request" ? "requestBodyChunk" : "responseBodyChunk";
		const messagePiece = { case: part, value: this.#toBody(kept) } as const;
		this.#sink.submit(makeTrace({ kind: "segment", value: { traceId: this.#traceId, messagePiece } }));
	}

	#makeWhole(record: StreamRecord, filter: TapFilterConfig): TraceMessage {
		const { local, remote } = record.connection;
		const { upstreamLocal, upstreamRemote } = record;
		const hasResponse = this.#response !== undefined || this.#bodies.response !== undefined;
		return makeTrace({
			kind: "buffered",
			value: {
				request: this.#toMessage("request", this.#requestFields(), filter),
				...(hasResponse ? { response: this.#toMessage("response", this.#responseFields(), filter) } : {}),
				...(filter.recordsDownstream ? { downstreamConnection: toConnection(local, remote) } : {}),
				...(filter.recordsUpstream && upstreamRemote !== undefined
					? { upstreamConnection: toConnection(upstreamLocal, upstreamRemote) }
					: {}),
			},
		});
	}

	#toMessage(direction: Direction, fields: HeaderList, { recordsReceivedTime }: TapFilterConfig) {
		const kept = this.#bodies[direction];
		return {
			headers: toHeaders(fields),
			...(kept === undefined ? {} : { body: this.#toBody(kept) }),
			trailers: toHeaders(this.#trailers[direction] ?? []),
			...(recordsReceivedTime ? { headersReceivedTime: timestampFromMs(this.#receivedAt[direction]) } : {}),
		};
	}

	#toBody({ pieces, isTruncated }: KeptBody): Body {
		const bytes = Buffer.concat(pieces);
		const bodyType =
			this.#config.format === "json-string"
				? ({ case: "asString", value: bytes.toString("utf8") } as const)
				: ({ case: "asBytes", value: bytes } as const);
		return create(BodySchema, { bodyType, truncated: isTruncated });
	}

	#requestFields(): HeaderList {
		const request = this.#request;
		if (request === undefined) return [];
		const { authority, path, method, scheme, headers } = request;
		const pseudo = [":authority", authority, ":path", path, ":method", method, ":scheme", scheme];
		return [...pseudo, ...headers];
	}

	#responseFields(): HeaderList {
		const head = this.#response;
		return head === undefined ? [] : [":status", String(head.status), ...head.headers];
	}
}

function toHeaders(fields: HeaderList): HeaderValue[] {
	const headers: HeaderValue[] = [];
	for (let index = 0; index < fields.length; index += 2) {
		// Header lists hold a character a byte; messages hold text.
		const value = Buffer.from(fields[index + 1]!, "latin1").toString("utf8");
		headers.push(create(HeaderValueSchema, { key: fields[index]!, value }));
	}
	return headers;
}

function toConnection(local: SocketAddress | undefined, remote: SocketAddress): Connection {
	const localAddress = local === undefined ? {} : { localAddress: toAddress(local) };
	return create(ConnectionSchema, { ...localAddress, remoteAddress: toAddress(remote) });
}
