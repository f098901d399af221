import { getHeader, removeHeader } from "../../../../core/index.ts";
import { isGrpcType } from "../../../../wire/http1/index.ts";
import type { GrpcHttp1BridgeConfig } from "../../../runtime-config/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import type { PassResponseHead } from "../pass-head.ts";
import { frameHeaderBytes, prependFrameHeader } from "./frame-header.ts";

/** A call of an HTTP/1 client. */
interface BridgedCall {
	/** Whether the client knows nothing of gRPC's frames. */
	readonly isFramed: boolean;
	/** The head that waits for the trailers. */
	head: PassResponseHead | undefined;
}

const unavailable = 503;
const protobufType = "application/x-protobuf";

/** Lets HTTP/1 clients call gRPC services: what trailers say of the call is put into the head of the answer. Spec:
 *  `envoy.extensions.filters.http.grpc_http1_bridge.v3`. */
export function createGrpcHttp1BridgeFilter(
	{ name, disabled, index }: FilterParts,
	config: GrpcHttp1BridgeConfig,
): HttpFilter {
	const callOf = (stream: FilterStream): BridgedCall | undefined => stream.getState(index) as BridgedCall | undefined;
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const { request, record } = stream;
			const type = request.get("content-type");
			const isFramed = config.upgradesProtobuf && type === protobufType;
			if (isFramed) {
				request.set("content-type", "application/grpc");
				request.remove("content-length");
				record.takesGrpcReplies = false;
			}
			const isGrpc = isFramed || (type !== undefined && isGrpcType(type));
			if (!isGrpc) return "continue";
			if (config.ignoresQuery) request.path = request.path.replace(/\?.*/s, "");
			if (record.protocol !== "HTTP/2") stream.setState(index, { isFramed, head: undefined } satisfies BridgedCall);
			return "continue";
		},
		onRequestBody(stream, chunk, last) {
			if (callOf(stream)?.isFramed !== true) return "continue";
			if (!last) return "buffer";
			const { bytes } = stream.requestPath.takeHeld(index);
			chunk.bytes = prependFrameHeader(Buffer.concat([bytes, chunk.bytes]));
			return "continue";
		},
		onResponseHead(stream, head, endStream) {
			const call = callOf(stream);
			if (call === undefined || endStream) return "continue";
			call.head = head;
			return "stop-head";
		},
		onResponseBody(stream, chunk, last) {
			const call = callOf(stream);
			if (call?.head === undefined) return "continue";
			if (!last) return "buffer";
			if (hasFrame(call)) removeFrame(stream, call.head, chunk);
			return "continue";
		},
		onResponseTrailers(stream, trailers) {
			const call = callOf(stream);
			if (call?.head === undefined) return "continue";
			const { head } = call;
			const status = getHeader(trailers, "grpc-status");
			if (status !== undefined) {
				if (!/^0+$/.test(status)) head.status = unavailable;
				head.set("grpc-status", status);
			}
			const message = getHeader(trailers, "grpc-message");
			if (message !== undefined) head.set("grpc-message", message);
			if (hasFrame(call)) removeFrame(stream, head, undefined);
			setLength(head, stream.responsePath.held(index).length);
			return "continue";
		},
	};

	/** Takes the header of the one frame away. */
	function removeFrame(stream: FilterStream, head: PassResponseHead, last: { bytes: Buffer } | undefined): void {
		const { bytes } = stream.responsePath.takeHeld(index);
		const message = Buffer.concat([bytes, last?.bytes ?? Buffer.alloc(0)]).subarray(frameHeaderBytes);
		setLength(head, message.length);
		if (last === undefined) stream.responsePath.add(index, message, false);
		else last.bytes = message;
	}
}

/** What is no gRPC, an answer of the proxy's own or of a server that failed, is not in a frame. */
function hasFrame({ isFramed, head }: BridgedCall): boolean {
	const type = head?.get("content-type");
	return isFramed && type !== undefined && isGrpcType(type);
}

function setLength(head: PassResponseHead, length: number): void {
	removeHeader(head.headers, "content-length");
	head.set("content-length", String(length));
	head.contentLength = length;
}
