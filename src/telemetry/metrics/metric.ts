/** A number that only grows, except by `/reset_counters`. The hot path does `counter.value++`. */
export interface Counter {
	readonly kind: "counter";
	/** Envoy's dotted name, e.g. `cluster.backend.upstream_rq_total`. */
	readonly name: string;
	value: number;
}

/** A number that goes up and down. The hot path changes `value`. */
export interface Gauge {
	readonly kind: "gauge";
	readonly name: string;
	value: number;
	/** The value where it is too large to be exact as a number. */
	exact?: bigint | undefined;
	/** Whether it was ever set. */
	readonly isUsed: boolean;
}

/** A text among the statistics, e.g. `cluster.backend.version_text`. */
export interface TextReadout {
	readonly kind: "text";
	readonly name: string;
	value: string;
}

/** One `name="value"` pair of a Prometheus series. */
export type Label = readonly [name: string, value: string];
