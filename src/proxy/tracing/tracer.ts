import type { Span } from "./span.ts";

/** Header fields of a request on its way. */
export interface TraceCarrier {
	get(name: string): string | undefined;
	set(name: string, value: string): void;
	remove(name: string): void;
}

/** What a span begins with. */
export interface SpanTerms {
	readonly name: string;
	readonly kind: Span["kind"];
	readonly startWallMs: number;
	/** What sampling decided. */
	readonly isTraced: boolean;
}

/** One way to carry and to report traces. */
export interface Tracer {
	/** The span of a request: below the one that its headers name, or the first of a trace. Undefined when the headers are broken:
	 *  the request goes on as it came. */
	start(carrier: TraceCarrier, terms: SpanTerms): Span | undefined;
	/** A span of the same process below another. */
	child(parent: Span, terms: Pick<SpanTerms, "name" | "startWallMs">): Span;
	/** Tells the next hop. */
	inject(span: Span, carrier: TraceCarrier): void;
	/** Takes a span that is over. */
	report(span: Span): void;
}
