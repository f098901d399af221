import { getHeader, type HeaderList, removeHeader, setHeader } from "../../../../core/index.ts";
import { grpcStatusOfHttp } from "../../../../engine/format/index.ts";
import type { StatsScope } from "../../../../telemetry/index.ts";
import type { BodyChunk, BodyVerdict, FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { clusterScopeOf, countGrpcStatus, isGrpcResponse, parseGrpcPath } from "../grpc-stats/grpc-method.ts";
import { endsApart } from "../message-end.ts";
import type { PassResponseHead } from "../pass-head.ts";
import { FrameTextEncoder } from "./frame-text.ts";

const webTypes: ReadonlySet<string> = new Set([
	"application/grpc-web",
	"application/grpc-web+proto",
	"application/grpc-web-text",
	"application/grpc-web-text+proto",
]);
const textTypes: ReadonlySet<string> = new Set(["application/grpc-web-text", "application/grpc-web-text+proto"]);
/** First byte of the frame that carries trailers. */
const trailersFlag = 0x80;
/** As much of an answer that is no gRPC as fits into `grpc-message`. */
const maxMessageBytes = 16_384;
const noBytes = Buffer.alloc(0);

/** A gRPC-Web request under way. */
interface WebExchange {
	readonly scope: StatsScope | undefined;
	readonly prefix: string;
	readonly isTextRequest: boolean;
	readonly isTextResponse: boolean;
	/** Characters that are not four yet. */
	undecoded: string;
	readonly frames: FrameTextEncoder;
	/** The head of an answer that is no gRPC, while its body is gathered for it. */
	foreign: PassResponseHead | undefined;
	gathered: Buffer;
}

/** Lets browsers call gRPC services: base64 and trailers in the body towards the client, plain gRPC towards the upstream.
 *  Spec: gRPC-Web protocol, `envoy.extensions.filters.http.grpc_web.v3`. */
export function createGrpcWebFilter(parts: FilterParts): HttpFilter {
	const { name, disabled, index } = parts;
	const exchangeOf = (stream: FilterStream): WebExchange | undefined =>
		stream.getState(index) as WebExchange | undefined;
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const { headers } = stream.request;
			const type = getHeader(headers, "content-type");
			if (type === undefined || !webTypes.has(type)) return "continue";
			const method = parseGrpcPath(stream.request.path);
			stream.setState(index, {
				scope: method === undefined ? undefined : clusterScopeOf(stream, parts),
				prefix: method === undefined ? "grpc-web" : `grpc-web.${method.service}.${method.method}`,
				isTextRequest: textTypes.has(type),
				isTextResponse: textTypes.has(getHeader(headers, "accept") ?? ""),
				undecoded: "",
				frames: new FrameTextEncoder(),
				foreign: undefined,
				gathered: noBytes,
			} satisfies WebExchange);
			stream.record.takesGrpcReplies = false;
			removeHeader(headers, "content-length");
			setHeader(headers, "content-type", "application/grpc");
			setHeader(headers, "te", "trailers");
			if (getHeader(headers, "grpc-accept-encoding") === undefined) headers.push("grpc-accept-encoding", "identity");
			return "continue";
		},
		onRequestBody(stream, chunk, last) {
			const exchange = exchangeOf(stream);
			if (exchange === undefined || !exchange.isTextRequest) return "continue";
			return decodeText(stream, exchange, chunk, last);
		},
		onResponseHead(stream, head, endStream) {
			const exchange = exchangeOf(stream);
			if (exchange === undefined) return "continue";
			const { headers } = head;
			if (exchange.scope !== undefined) countGrpcStatus(exchange.scope, exchange.prefix, headers);
			const isForeign = !isGrpcResponse(head, endStream) && !isProtoWebResponse(head);
			setHeader(headers, "content-type", `application/grpc-web${exchange.isTextResponse ? "-text" : ""}+proto`);
			// The trailers come behind the body, in it.
			removeHeader(headers, "content-length");
			head.contentLength = -1;
			if (endStream || !isForeign) return "continue";
			exchange.foreign = head;
			return "stop-head";
		},
		onResponseBody(stream, chunk, last) {
			const exchange = exchangeOf(stream);
			if (exchange === undefined) return "continue";
			if (exchange.foreign !== undefined) {
				gather(exchange, chunk.bytes);
				chunk.bytes = noBytes;
				if (!last) return "taken";
				describeForeign(exchange.foreign, exchange.gathered);
				exchange.foreign = undefined;
				return "continue";
			}
			if (exchange.isTextResponse) chunk.bytes = Buffer.from(exchange.frames.encode(chunk.bytes), "latin1");
			return "continue";
		},
		onResponseTrailers(stream, trailers) {
			const exchange = exchangeOf(stream);
			if (exchange === undefined) return "continue";
			if (exchange.scope !== undefined) countGrpcStatus(exchange.scope, exchange.prefix, trailers);
			if (exchange.foreign !== undefined) {
				describeForeign(exchange.foreign, exchange.gathered);
				exchange.foreign = undefined;
				return "continue";
			}
			const frame = frameTrailers(trailers);
			trailers.length = 0;
			const bytes = exchange.isTextResponse ? Buffer.from(frame.toString("base64"), "latin1") : frame;
			stream.responsePath.add(index, bytes, true);
			return "stop";
		},
	};
}

/** Client bodies in base64: every four characters are three bytes. */
function decodeText(stream: FilterStream, exchange: WebExchange, chunk: BodyChunk, last: boolean): BodyVerdict {
	const text = exchange.undecoded + chunk.bytes.toString("latin1");
	const whole = text.length - (text.length % 4);
	exchange.undecoded = text.slice(whole);
	const isCut = last && exchange.undecoded !== "";
	if (isCut && !endsApart(stream, "request")) return refuse(stream, "grpc_base_64_decode_failed_bad_size");
	const decoded = whole === 0 ? noBytes : decodeBase64(text.slice(0, whole));
	if (decoded === undefined) return refuse(stream, "grpc_base_64_decode_failed");
	if (isCut) return refuse(stream, "grpc_base_64_decode_failed_bad_size");
	chunk.bytes = decoded;
	return "continue";
}

function refuse(stream: FilterStream, details: string): BodyVerdict {
	const body = "Bad gRPC-web request, invalid base64 data.";
	stream.sendLocalReply({ status: 400, body, details, flags: 0 });
	return "taken";
}

/** Padding may stand behind each message. */
function decodeBase64(text: string): Buffer | undefined {
	if (!/^(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})*$/.test(text)) return undefined;
	return Buffer.concat([...text.matchAll(/[^=]+=*/g)].map(([part]) => Buffer.from(part, "base64")));
}

function isProtoWebResponse(head: PassResponseHead): boolean {
	const type = (getHeader(head.headers, "content-type") ?? "").split(";")[0]!.trim().toLowerCase();
	return head.status === 200 && (type === "application/grpc-web" || type === "application/grpc-web+proto");
}

function gather(exchange: WebExchange, bytes: Buffer): void {
	const taken = bytes.subarray(0, maxMessageBytes - exchange.gathered.length);
	if (taken.length > 0) exchange.gathered = Buffer.concat([exchange.gathered, taken]);
}

/** What an answer that is no gRPC says becomes the status. */
function describeForeign(head: PassResponseHead, body: Buffer): void {
	const { headers } = head;
	setHeader(headers, "grpc-message", encodeMessage(body));
	setHeader(headers, "grpc-status", String(grpcStatusOfHttp(head.status)));
	setHeader(headers, "content-length", "0");
	head.contentLength = 0;
}

function encodeMessage(body: Buffer): string {
	let text = "";
	for (const byte of body) {
		text +=
			byte >= 0x20 && byte <= 0x7e && byte !== 0x25
				? String.fromCharCode(byte)
				: `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
	}
	return text;
}

function frameTrailers(trailers: HeaderList): Buffer {
	let text = "";
	for (let index = 0; index < trailers.length; index += 2) text += `${trailers[index]}:${trailers[index + 1]}\r\n`;
	const body = Buffer.from(text, "latin1");
	const head = Buffer.alloc(5);
	head[0] = trailersFlag;
	head.writeUInt32BE(body.length, 1);
	return Buffer.concat([head, body]);
}
