import { create, toBinary } from "@bufbuild/protobuf";
import { ExportTraceServiceRequestSchema } from "../../api/gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import {
	type Span as OtlpSpan,
	Span_EventSchema,
	Span_SpanKind,
	SpanSchema,
	Status_StatusCode,
	StatusSchema,
} from "../../api/gen/opentelemetry/proto/trace/v1/trace_pb.js";
import { createHexId, type Random } from "../../core/index.ts";
import { formatTraceParent, formatTraceState, parseTraceParent, parseTraceState } from "../../telemetry/index.ts";
import { encodeKeyValue, exportOtlp, type OtlpContext } from "../access-log/index.ts";
import type { OpenTelemetryProvider, SamplerConfig } from "../runtime-config/index.ts";
import type { SpanBuffer } from "./reporter.ts";
import { createSpan, type Span } from "./span.ts";
import type { Tracer } from "./tracer.ts";

const exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/** Creates a tracer that carries W3C headers. */
export function createOpenTelemetryTracer(
	provider: OpenTelemetryProvider,
	random: Random,
	buffer: Pick<SpanBuffer, "add">,
): Tracer {
	return {
		start(carrier, { name, kind, startWallMs, isTraced }) {
			const parentText = carrier.get("traceparent");
			const parent = parentText === undefined ? undefined : parseTraceParent(parentText);
			if (parentText !== undefined && parent === undefined) return undefined;
			const spanId = createHexId(random, 2);
			const traceId = parent?.traceId ?? createHexId(random, 4);
			const { sampler } = provider;
			const isChosenHere =
				sampler === undefined ? (parent?.sampled ?? true) : isChosen(sampler, traceId, parent?.sampled);
			const isSampled = isTraced && isChosenHere;
			if (parent === undefined) {
				return createSpan({ traceId, spanId, parentSpanId: "", isSampled, kind, name, startWallMs });
			}
			const members = parseTraceState(carrier.get("tracestate") ?? "");
			const traceState = members === undefined ? "" : formatTraceState(members);
			const { spanId: parentSpanId } = parent;
			const place = { traceId, spanId, parentSpanId, isSampled, traceState, hasRemoteParent: true };
			return createSpan({ ...place, kind, name, startWallMs });
		},
		child(parent, { name, startWallMs }) {
			const { traceId, isSampled, traceState, spanId: parentSpanId } = parent;
			const place = { traceId, spanId: createHexId(random, 2), parentSpanId, isSampled, traceState };
			return createSpan({ ...place, kind: "client", name, startWallMs });
		},
		inject(span, carrier) {
			carrier.set("traceparent", formatTraceParent({ ...span, sampled: span.isSampled }));
			carrier.set("tracestate", span.traceState);
		},
		report(span) {
			if (span.isSampled) buffer.add(span);
		},
	};
}

function isChosen(sampler: SamplerConfig, traceId: string, parent: boolean | undefined): boolean {
	switch (sampler.kind) {
		case "always-on":
			return true;
		case "parent-based":
			return parent ?? isChosen(sampler.root, traceId, parent);
		default: {
			if (sampler.fraction >= 1) return true;
			const drawn = Buffer.from(traceId, "hex").readBigUInt64LE(0);
			return drawn < BigInt(Math.floor(sampler.fraction * 2 ** 52)) << 12n;
		}
	}
}

/** Sends spans to the collector; `done` says whether it took them. */
export function exportSpans(
	context: OtlpContext,
	provider: OpenTelemetryProvider,
	spans: readonly Span[],
	done: (isTaken: boolean) => void,
): void {
	const resource = new Map<string, string>([
		["service.name", provider.serviceName || "unknown_service:envoy"],
		["telemetry.sdk.language", "nodejs"],
		["telemetry.sdk.name", "amime"],
		...provider.resource,
	]);
	const request = create(ExportTraceServiceRequestSchema, {
		resourceSpans: [
			{
				resource: { attributes: [...resource].map(([key, value]) => encodeKeyValue(key, value)) },
				scopeSpans: [{ scope: { name: "amime" }, spans: spans.map(encodeSpan) }],
			},
		],
	});
	const bytes = toBinary(ExportTraceServiceRequestSchema, request);
	exportOtlp(context, provider.exporter, exportMethod, bytes, undefined, done);
}

/** Flags: sampled, and that it is known whether the parent is remote (OTLP `SpanFlags`). */
const isRemoteKnown = 0x100;
const isRemote = 0x200;

function encodeSpan(span: Span): OtlpSpan {
	return create(SpanSchema, {
		traceId: Buffer.from(span.traceId, "hex"),
		spanId: Buffer.from(span.spanId, "hex"),
		traceState: span.traceState,
		...(span.parentSpanId === "" ? {} : { parentSpanId: Buffer.from(span.parentSpanId, "hex") }),
		name: span.name,
		kind: span.kind === "server" ? Span_SpanKind.SERVER : Span_SpanKind.CLIENT,
		startTimeUnixNano: toNanos(span.startWallMs),
		endTimeUnixNano: toNanos(span.endWallMs),
		attributes: span.tags.map(([key, value]) => encodeKeyValue(key, value)),
		events: span.events.map(({ name, wallMs }) => create(Span_EventSchema, { name, timeUnixNano: toNanos(wallMs) })),
		flags: 1 | isRemoteKnown | (span.hasRemoteParent ? isRemote : 0),
		...(span.isError ? { status: create(StatusSchema, { code: Status_StatusCode.ERROR }) } : {}),
	});
}

function toNanos(ms: number): bigint {
	return BigInt(Math.floor(ms * 1000)) * 1000n;
}
