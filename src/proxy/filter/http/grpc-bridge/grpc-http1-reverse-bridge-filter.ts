import { type HeaderList, setHeader } from "../../../../core/index.ts";
import { grpcStatusOfHttp } from "../../../../engine/format/index.ts";
import type { GrpcReverseBridgeConfig } from "../../../runtime-config/index.ts";
import type { BodyVerdict, FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import type { PassHead, PassResponseHead } from "../pass-head.ts";
import { routeConfigOf } from "../route-configs.ts";
import { createFrameHeader, frameHeaderBytes, prependFrameHeader } from "./frame-header.ts";

/** A gRPC call whose upstream speaks HTTP/1. */
interface ReversedCall {
	/** What the client said. */
	readonly contentType: string;
	/** The header of the request's frame is off. */
	isStripped: boolean;
	/** What the upstream says of its length; undefined when nobody asked for it. */
	announced: number | undefined;
	received: number;
	status: number;
	hasHead: boolean;
}

const unknown = 2;
const internal = 13;

/** Lets upstreams that speak HTTP/1 answer gRPC calls. Spec: `envoy.extensions.filters.http.grpc_http1_reverse_bridge.v3`. */
export function createGrpcReverseBridgeFilter(
	{ name, disabled, index }: FilterParts,
	config: GrpcReverseBridgeConfig,
): HttpFilter {
	const callOf = (stream: FilterStream): ReversedCall | undefined => stream.getState(index) as ReversedCall | undefined;
	return {
		name,
		disabled,
		index,
		onRequestHead(stream, endStream) {
			const { request } = stream;
			if (endStream || routeConfigOf(stream, name, "grpc-reverse-bridge")?.isOff === true) return "continue";
			if (!request.isGrpc) return "continue";
			const contentType = request.get("content-type")!;
			const call = { contentType, isStripped: false, announced: undefined, received: 0, status: 0, hasHead: false };
			stream.setState(index, call satisfies ReversedCall);
			// The client still speaks gRPC, whatever the upstream is told.
			stream.record.takesGrpcReplies = true;
			request.set("content-type", config.contentType);
			request.set("accept", config.contentType);
			if (config.withholdsFrames) adjustLength(request, -frameHeaderBytes);
			stream.clearRouteCache();
			return "continue";
		},
		onRequestBody(stream, chunk) {
			const call = callOf(stream);
			if (call === undefined || !config.withholdsFrames || call.isStripped) return "continue";
			if (chunk.bytes.length < frameHeaderBytes) {
				return fail(stream, unknown, "invalid request body", "grpc_bridge_data_too_small");
			}
			chunk.bytes = chunk.bytes.subarray(frameHeaderBytes);
			call.isStripped = true;
			return "continue";
		},
		onResponseHead(stream, head, endStream) {
			const call = callOf(stream);
			if (call === undefined || call.hasHead) return "continue";
			call.hasHead = true;
			if (head.get("content-type") !== config.contentType) {
				fail(stream, unknown, describeType(head), "grpc_bridge_content_type_wrong");
				return "stop";
			}
			head.set("content-type", call.contentType);
			if (config.withholdsFrames && !announceLength(head, call)) {
				const problem = "envoy reverse bridge: upstream did not set content length";
				fail(stream, internal, problem, "grpc_bridge_content_length_missing");
				return "stop";
			}
			call.status = head.status === 200 ? 0 : grpcStatusOfHttp(head.status);
			head.status = 200;
			if (endStream && config.withholdsFrames) {
				setLength(head, frameHeaderBytes);
				stream.responsePath.add(index, createFrameHeader(0), true);
				stream.responsePath.addTrailers(index, trailersOf(call));
			}
			return "continue";
		},
		onResponseBody(stream, chunk, last) {
			const call = callOf(stream);
			if (call === undefined || !call.hasHead) return "continue";
			const isFirst = call.received === 0;
			call.received += chunk.bytes.length;
			if (config.withholdsFrames && call.announced === undefined) {
				if (!last) return "buffer";
				const { bytes } = stream.responsePath.takeHeld(index);
				chunk.bytes = prependFrameHeader(Buffer.concat([bytes, chunk.bytes]));
			} else if (call.announced !== undefined) {
				if (last && call.received !== call.announced) {
					const problem = "envoy reverse bridge: upstream set incorrect content length";
					return fail(stream, internal, problem, "grpc_bridge_content_length_wrong");
				}
				if (isFirst) chunk.bytes = Buffer.concat([createFrameHeader(call.announced), chunk.bytes]);
			}
			if (last) stream.responsePath.addTrailers(index, trailersOf(call));
			return "continue";
		},
		onResponseTrailers(stream, trailers) {
			const call = callOf(stream);
			if (call === undefined || !call.hasHead) return "continue";
			setHeader(trailers, "grpc-status", String(call.status));
			if (config.withholdsFrames && call.announced === undefined) {
				stream.responsePath.replaceHeld(index, prependFrameHeader(stream.responsePath.held(index)));
			}
			return "continue";
		},
	};

	/** @returns false when the upstream does not say what it should */
	function announceLength(head: PassResponseHead, call: ReversedCall): boolean {
		if (config.sizeHeader === "") {
			adjustLength(head, frameHeaderBytes);
			if (head.contentLength > 0) head.contentLength += frameHeaderBytes;
			return true;
		}
		const text = head.get(config.sizeHeader)?.split(",")[0]?.trim();
		if (text === undefined || !/^\d{1,9}$/.test(text)) return false;
		call.announced = Number(text);
		setLength(head, call.announced + frameHeaderBytes);
		return true;
	}
}

/** As in Envoy, an answer of its own meets the filter again, where it is none of the upstream's type. */
function fail(stream: FilterStream, grpcStatus: number, problem: string, details: string): BodyVerdict {
	stream.sendLocalReply({ status: 200, body: problem, details, flags: 0, grpcStatus });
	return "taken";
}

function trailersOf({ status }: ReversedCall): HeaderList {
	return ["grpc-status", String(status)];
}

function describeType(head: PassResponseHead): string {
	const type = head.get("content-type");
	const what = type === undefined ? "no content-type header" : `unsupported content-type ${type}`;
	return `envoy reverse bridge: upstream responded with ${what}, status code ${head.status}`;
}

function adjustLength(head: PassHead, by: number): void {
	const text = head.get("content-length");
	if (text !== undefined && text !== "0") head.set("content-length", String(Number(text) + by));
}

function setLength(head: PassResponseHead, length: number): void {
	head.set("content-length", String(length));
	head.contentLength = length;
}
