import { create, type MessageInitShape, type MessageShape, toBinary, toJson } from "@bufbuild/protobuf";
import { sizeDelimitedEncode } from "@bufbuild/protobuf/wire";
import { HttpBufferedTraceSchema, HttpStreamedTraceSegmentSchema } from "../../api/gen/envoy/data/tap/v3/http_pb.js";
import { TraceWrapperSchema } from "../../api/gen/envoy/data/tap/v3/wrapper_pb.js";
import type { TapFormat } from "../runtime-config/index.ts";
import { printTextProto } from "./print-text-proto.ts";

/** A recorded request, or a part of one. */
export type TraceMessage = MessageShape<typeof TraceWrapperSchema>;

/** Wraps a whole trace, or a piece of one that is streamed. */
export function makeTrace(
	trace:
		| { readonly kind: "buffered"; readonly value: MessageInitShape<typeof HttpBufferedTraceSchema> }
		| { readonly kind: "segment"; readonly value: MessageInitShape<typeof HttpStreamedTraceSegmentSchema> },
): TraceMessage {
	return create(TraceWrapperSchema, {
		trace:
			trace.kind === "buffered"
				? { case: "httpBufferedTrace", value: create(HttpBufferedTraceSchema, trace.value) }
				: { case: "httpStreamedTraceSegment", value: create(HttpStreamedTraceSegmentSchema, trace.value) },
	});
}

/** A trace as it is written: JSON with every field and one space a level, as Envoy prints it. */
export function formatTrace(trace: TraceMessage, format: TapFormat): string | Uint8Array {
	switch (format) {
		case "json-bytes":
		case "json-string":
			return `${JSON.stringify(toJson(TraceWrapperSchema, trace, jsonOptions), undefined, 1)}\n`;
		case "binary":
			return toBinary(TraceWrapperSchema, trace);
		case "binary-delimited":
			return sizeDelimitedEncode(TraceWrapperSchema, trace);
		case "text":
			return printTextProto(TraceWrapperSchema, trace);
	}
}

const jsonOptions = { alwaysEmitImplicit: true, useProtoFieldName: true } as const;
