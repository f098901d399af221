/** One operation of a trace, filled in place. */
export interface Span {
	/** 32 hex digits, or 16 of Zipkin's short ones. */
	readonly traceId: string;
	/** 16 hex digits. */
	readonly spanId: string;
	/** Empty for the first of a trace. */
	readonly parentSpanId: string;
	readonly isSampled: boolean;
	readonly traceState: string;
	/** Whether the span above is another process's. */
	readonly hasRemoteParent: boolean;
	/** Zipkin: the same span as the caller's. */
	readonly isShared: boolean;
	readonly kind: "server" | "client";
	name: string;
	/** Milliseconds since the Unix epoch. */
	readonly startWallMs: number;
	endWallMs: number;
	isError: boolean;
	readonly tags: [name: string, value: string][];
	readonly events: { readonly name: string; readonly wallMs: number }[];
}

/** What a new span is made from; the rest is empty. */
export type SpanStart = Pick<
	Span,
	"traceId" | "spanId" | "parentSpanId" | "isSampled" | "kind" | "name" | "startWallMs"
> &
	Partial<Pick<Span, "traceState" | "hasRemoteParent" | "isShared">>;

/** A span that begins. */
export function createSpan(start: SpanStart): Span {
	const { traceId, spanId, parentSpanId, isSampled, kind, name, startWallMs } = start;
	return {
		traceId,
		spanId,
		parentSpanId,
		isSampled,
		traceState: start.traceState ?? "",
		hasRemoteParent: start.hasRemoteParent ?? false,
		isShared: start.isShared ?? false,
		kind,
		name,
		startWallMs,
		endWallMs: startWallMs,
		isError: false,
		tags: [],
		events: [],
	};
}
