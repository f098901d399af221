import { getHeader, type HeaderList, setHeader } from "../../../../core/index.ts";
import { grpcStatusOfHttp } from "../../../../engine/format/index.ts";
import type { HttpConnectionManagerConfig } from "../../../runtime-config/index.ts";
import type { LocalReply } from "../../http/filter.ts";
import { PassResponseHead } from "../../http/pass-head.ts";
import type { HttpStream } from "./http-stream.ts";

/** The head and body of an answer the proxy makes: rewritten as `local_reply_config` says, and in gRPC's form for gRPC clients. */
export function createLocalReplyHead(
	stream: HttpStream,
	reply: LocalReply,
	isHead: boolean,
): { readonly head: PassResponseHead; readonly body: Buffer } {
	const { record, manager } = stream;
	const headers: HeaderList = [];
	const head = new PassResponseHead(headers, reply.status, -1);
	const bytes = Buffer.from(reply.body, reply.isBinary === true ? "latin1" : "utf8");
	const text = reply.isBinary === true ? bytes.toString("utf8") : reply.body;
	record.localReplyBody = text;
	record.hasEmptyDetails = reply.details === "";
	// Whoever sent it did not speak HTTP well: what follows on the connection is not to be trusted.
	if (reply.status === 400 && !keepsConnection(manager.config)) stream.downstream.closeAfterResponse();
	record.responseHead = head;
	const { byRouter = false, isBare = false } = reply;
	// Whoever answers, the answer is one of the route that the request took, when that leads to an upstream.
	if (!byRouter && !isBare && stream.route?.action.kind === "forward") applyRouteOperations(stream, head);
	if (reply.headers !== undefined) addFields(headers, reply.headers);
	if (byRouter) applyRouteOperations(stream, head);
	record.responseCode = reply.status;
	if (isBare) return { head, body: noBytes };
	let body = text;
	let contentType = "text/plain";
	const rewritten = manager.rewriteLocalReply?.(stream, head, body);
	if (rewritten !== undefined) {
		body = rewritten.body;
		contentType = rewritten.contentType;
	}
	if (reply.lateFlags !== undefined) record.responseFlags |= reply.lateFlags;
	// Formats of the answer know its body, those of logs do not.
	record.localReplyBody = "";
	if (record.takesGrpcReplies ?? stream.request.isGrpc) {
		// The line end of a JSON format is none of the message.
		const message = contentType === "application/json" ? body.trimEnd() : body;
		return { head: toGrpc(stream, head, reply, message), body: noBytes };
	}
	const sent = body === text ? bytes : Buffer.from(body);
	if (sent.length > 0) {
		setHeader(headers, "content-length", String(sent.length));
		// As in Envoy, what another body is says who wrote it.
		if (body !== text || getHeader(headers, "content-type") === undefined) {
			setHeader(headers, "content-type", contentType);
		}
		head.contentLength = sent.length;
	}
	return { head, body: isHead ? noBytes : sent };
}

const noBytes = Buffer.alloc(0);

/** How an answer is framed is for the connection to say, whatever a service wants. */
const framing: ReadonlySet<string> = new Set(["connection", "content-length", "transfer-encoding"]);

function addFields(headers: HeaderList, more: HeaderList): void {
	for (let index = 0; index < more.length; index += 2) {
		const name = more[index]!;
		if (!name.startsWith(":") && !framing.has(name)) headers.push(name, more[index + 1]!);
	}
}

function keepsConnection({ http1, streamErrorOnInvalidMessage }: HttpConnectionManagerConfig): boolean {
	return http1.overrideStreamErrorOnInvalidMessage ?? streamErrorOnInvalidMessage;
}

/** What the route does to answers. As in Envoy it comes before the answer has a code, and before `local_reply_config`, whose fields
 *  therefore stay. */
function applyRouteOperations({ route, record }: HttpStream, head: PassResponseHead): void {
	if (route === undefined) return;
	if (route.includeAttemptCountInResponse && record.attemptCount > 0) {
		head.set("x-envoy-attempt-count", String(record.attemptCount));
	}
	record.responseCode = 0;
	route.responseHeaders.apply(head.headers, record);
}

function toGrpc(stream: HttpStream, head: PassResponseHead, reply: LocalReply, body: string): PassResponseHead {
	const { record } = stream;
	const status = reply.grpcStatus ?? grpcStatusOfHttp(head.status);
	head.status = 200;
	setHeader(head.headers, "content-type", "application/grpc");
	setHeader(head.headers, "grpc-status", String(status));
	if (body !== "" && stream.request.method !== "HEAD") setHeader(head.headers, "grpc-message", encodeGrpcMessage(body));
	record.grpcStatus = status;
	record.responseCode = 200;
	return head;
}

function encodeGrpcMessage(text: string): string {
	let encoded = "";
	for (const byte of Buffer.from(text)) {
		encoded +=
			byte >= 0x20 && byte <= 0x7e && byte !== 0x25
				? String.fromCharCode(byte)
				: `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
	}
	return encoded;
}
