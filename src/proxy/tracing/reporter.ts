import type { Clock, Timer } from "../../core/index.ts";
import { getRuntimeNumber, type Runtime } from "../../engine/runtime/index.ts";
import type { Span } from "./span.ts";

/** Options of {@link SpanBuffer}. */
export interface SpanBufferOptions {
	readonly clock: Clock;
	readonly runtime: Runtime;
	/** `tracing.<name>.min_flush_spans` and `.flush_interval_ms` are runtime keys. */
	readonly name: string;
	/** Spans kept while none can be sent; more are dropped. */
	readonly maxSpans: number;
	readonly timerFlushed: { value: number };
	readonly dropped: { value: number };
	send(spans: readonly Span[]): void;
}

/** Spans kept until there are enough of them or the interval is over. */
export class SpanBuffer {
	readonly #options: SpanBufferOptions;
	#spans: Span[] = [];
	#timer: Timer | undefined;

	constructor(options: SpanBufferOptions) {
		this.#options = options;
	}

	add(span: Span): void {
		const { runtime, name, maxSpans, dropped, clock } = this.#options;
		if (this.#spans.length >= maxSpans) {
			dropped.value++;
			return;
		}
		this.#spans.push(span);
		if (this.#spans.length >= getRuntimeNumber(runtime, `tracing.${name}.min_flush_spans`, 5)) {
			this.flush();
			return;
		}
		this.#timer ??= clock.setTimer(
			getRuntimeNumber(runtime, `tracing.${name}.flush_interval_ms`, 5000),
			() => {
				this.#options.timerFlushed.value++;
				this.flush();
			},
			{ unref: true },
		);
	}

	/** Sends what is kept. */
	flush(): void {
		this.#timer?.cancel();
		this.#timer = undefined;
		const spans = this.#spans;
		if (spans.length === 0) return;
		this.#spans = [];
		this.#options.send(spans);
	}
}
