import { createHexId, type Random } from "../../core/index.ts";
import { formatTraceParent, parseTraceParent } from "../../telemetry/index.ts";
import type { ZipkinProvider } from "../runtime-config/index.ts";
import type { SpanBuffer } from "./reporter.ts";
import { createSpan, type Span } from "./span.ts";
import type { TraceCarrier, Tracer } from "./tracer.ts";

interface B3Context {
	readonly traceId: string;
	readonly spanId: string;
	readonly parentSpanId: string;
	/** Undefined: to be decided here. */
	readonly isSampled: boolean | undefined;
}

/** Creates a tracer that carries B3 headers, beside W3C ones where the configuration says so. */
export function createZipkinTracer(
	provider: ZipkinProvider,
	random: Random,
	spawnsUpstreamSpans: boolean,
	buffer: Pick<SpanBuffer, "add">,
): Tracer {
	return {
		start(carrier, { name, kind, startWallMs, isTraced }) {
			const parent = extract(carrier, provider.carriesW3c);
			const isSampled = readSampled(carrier) ?? parent?.isSampled ?? isTraced;
			if (parent === undefined) {
				const spanId = createHexId(random, 2);
				const traceId = provider.has128BitIds ? createHexId(random, 2) + spanId : spanId;
				const isShared = provider.sharesContext && kind === "server";
				return createSpan({ traceId, spanId, parentSpanId: "", isSampled, isShared, kind, name, startWallMs });
			}
			const { traceId } = parent;
			if (provider.sharesContext && kind === "server" && !spawnsUpstreamSpans) {
				const { spanId, parentSpanId } = parent;
				return createSpan({ traceId, spanId, parentSpanId, isSampled, isShared: true, kind, name, startWallMs });
			}
			const place = { traceId, spanId: createHexId(random, 2), parentSpanId: parent.spanId, isSampled };
			return createSpan({ ...place, kind, name, startWallMs });
		},
		child(parent, { name, startWallMs }) {
			const { traceId, spanId: parentSpanId, isSampled } = parent;
			const place = { traceId, spanId: createHexId(random, 2), parentSpanId, isSampled };
			return createSpan({ ...place, kind: "client", name, startWallMs });
		},
		inject(span, carrier) {
			// A caller that wants no trace says so once: its own header goes on.
			if (!span.isSampled && carrier.get("b3") !== undefined) return;
			carrier.set("x-b3-traceid", span.traceId);
			carrier.set("x-b3-spanid", span.spanId);
			if (span.parentSpanId !== "") carrier.set("x-b3-parentspanid", span.parentSpanId);
			carrier.set("x-b3-sampled", span.isSampled ? "1" : "0");
			if (!provider.carriesW3c) return;
			const traceId = span.traceId.padStart(32, "0");
			carrier.set("traceparent", formatTraceParent({ traceId, spanId: span.spanId, sampled: span.isSampled }));
		},
		report(span) {
			if (span.isSampled) buffer.add(span);
		},
	};
}

const idPattern = /^(?:[0-9a-f]{16}|[0-9a-f]{32})$/i;

function extract(carrier: TraceCarrier, takesW3c: boolean): B3Context | undefined {
	const single = carrier.get("b3");
	if (single !== undefined) {
		const [traceId = "", spanId = "", sampled, parentSpanId = ""] = single.split("-");
		if (idPattern.test(traceId) && idPattern.test(spanId)) {
			return { traceId, spanId, parentSpanId, isSampled: sampled === undefined ? undefined : sampled !== "0" };
		}
	}
	const traceId = carrier.get("x-b3-traceid");
	const spanId = carrier.get("x-b3-spanid");
	if (traceId !== undefined && spanId !== undefined && idPattern.test(traceId) && idPattern.test(spanId)) {
		return { traceId, spanId, parentSpanId: carrier.get("x-b3-parentspanid") ?? "", isSampled: undefined };
	}
	if (!takesW3c) return undefined;
	const text = carrier.get("traceparent");
	const parent = text === undefined ? undefined : parseTraceParent(text);
	if (parent === undefined) return undefined;
	return { traceId: parent.traceId, spanId: parent.spanId, parentSpanId: "", isSampled: parent.sampled };
}

function readSampled(carrier: TraceCarrier): boolean | undefined {
	const single = carrier.get("b3");
	if (single === "0") return false;
	if (single === "1" || single === "d") return true;
	if (carrier.get("x-b3-flags") === "1") return true;
	const sampled = carrier.get("x-b3-sampled");
	return sampled === undefined ? undefined : sampled === "1" || sampled === "true";
}

/** The JSON of Zipkin's API, version 2. */
export function formatZipkinSpans(spans: readonly Span[], serviceName: string, ip: string): string {
	return JSON.stringify(
		spans.map((span) => {
			const timestamp = Math.floor(span.startWallMs * 1000);
			const end = Math.floor(span.endWallMs * 1000);
			return {
				traceId: span.traceId,
				id: span.spanId,
				...(span.parentSpanId === "" ? {} : { parentId: span.parentSpanId }),
				name: span.name,
				kind: span.kind === "server" ? "SERVER" : "CLIENT",
				timestamp,
				duration: Math.max(1, end - timestamp),
				...(span.isShared ? { shared: true } : {}),
				localEndpoint: { serviceName, [ip.includes(":") ? "ipv6" : "ipv4"]: ip, port: 0 },
				annotations: [{ timestamp: end, value: span.kind === "server" ? "ss" : "cr" }],
				tags: Object.fromEntries(span.tags),
			};
		}),
	);
}
