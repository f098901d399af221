import type { TraceWrapper } from "../../../../api/gen/envoy/data/tap/v3/wrapper_pb.js";
import type { Random } from "../../../../core/index.ts";
import { isInFraction } from "../../../../engine/runtime/index.ts";
import type { TapConfig, TapFilterConfig } from "../../../runtime-config/index.ts";
import { createTapStats } from "../../../stats/index.ts";
import { openTraceFile, type TraceSink } from "../../../tap/index.ts";
import type { FilterStream, HttpFilter } from "../filter.ts";
import type { FilterParts } from "../filter-parts.ts";
import { RequestTap } from "./request-tap.ts";

/** Records requests that match: whole ones, or piece by piece, into files or to who asks at `/tap`. Without a configuration, and for
 *  requests that were there before it came, nothing is kept. Spec: `envoy.extensions.filters.http.tap.v3`. */
export function createTapFilter(parts: FilterParts, config: TapFilterConfig): HttpFilter {
	const { name, disabled, index, context, scope } = parts;
	const { source } = config;
	const stats = createTapStats(scope.scope("tap"));
	let current = source.kind === "static" ? source.config : undefined;
	let submit: (trace: TraceWrapper) => void = () => undefined;
	const unregister =
		source.kind === "admin"
			? context.taps.register(source.configId, {
					configure(attached, to) {
						current = attached;
						submit = to;
					},
				})
			: undefined;
	const openSink = ({ sink, format }: TapConfig, traceId: bigint): TraceSink =>
		sink.kind === "file"
			? openTraceFile(sink.pathPrefix, traceId, format, context.log)
			: { submit, end: () => undefined };
	const tapOf = (stream: FilterStream): RequestTap | undefined => stream.getState(index) as RequestTap | undefined;
	return {
		name,
		disabled,
		index,
		onRequestHead(stream) {
			const used = current;
			if (used === undefined) return "continue";
			if (used.enabled !== undefined && !isInFraction(used.enabled, context.random.next(), context.runtime)) {
				stats.rq_sampled_out.value++;
				return "continue";
			}
			const traceId = makeTraceId(context.random);
			const tap = new RequestTap(used, traceId, openSink(used, traceId), () => context.clock.wall());
			stream.setState(index, tap);
			tap.onRequestHead(stream.request);
			return "continue";
		},
		onRequestBody(stream, { bytes }) {
			if (bytes.length > 0) tapOf(stream)?.onBody("request", bytes);
			return "continue";
		},
		onRequestTrailers(stream, trailers) {
			tapOf(stream)?.onTrailers("request", trailers);
			return "continue";
		},
		onResponseHead(stream, head) {
			tapOf(stream)?.onResponseHead(head);
			return "continue";
		},
		onResponseBody(stream, { bytes }) {
			if (bytes.length > 0) tapOf(stream)?.onBody("response", bytes);
			return "continue";
		},
		onResponseTrailers(stream, trailers) {
			tapOf(stream)?.onTrailers("response", trailers);
			return "continue";
		},
		onEnd(stream) {
			if (tapOf(stream)?.onEnd(stream.record, config) === true) stats.rq_tapped.value++;
		},
		onClose() {
			unregister?.();
		},
	};
}

/** 64 random bits. */
function makeTraceId(random: Random): bigint {
	const half = (): bigint => BigInt(Math.floor(random.next() * 0x1_0000_0000));
	return (half() << 32n) | half();
}
