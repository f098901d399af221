import type { Random } from "../../core/index.ts";

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
	return {
		traceState: "",
		hasRemoteParent: false,
		isShared: false,
		...start,
		endWallMs: start.startWallMs,
		isError: false,
		tags: [],
		events: [],
	};
}

/** `words` times 32 random bits in hex, never all zero. */
export function createId(random: Random, words: number): string {
	let id = "";
	for (let index = 0; index < words; index++) {
		id += (Math.floor(random.next() * 0x1_0000_0000) >>> 0).toString(16).padStart(8, "0");
	}
	return /^0+$/.test(id) ? `${id.slice(1)}1` : id;
}
