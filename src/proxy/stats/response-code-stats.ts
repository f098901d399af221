import type { Counter, Histogram, StatsScope } from "../../telemetry/index.ts";

/** Counts answers by code. The counters of a code and its class appear with its first answer, as in Envoy. */
export interface ResponseCodeStats {
	/** Counts `<prefix>_completed`, `<prefix>_<code>` and `<prefix>_<class>xx`. */
	count(code: number): void;
	/** Records `<prefix>_time` in milliseconds; the histogram appears with the first one. */
	recordTime(milliseconds: number): void;
}

interface CodeCounters {
	readonly code: Counter;
	readonly codeClass: Counter | undefined;
}

/** `prefix` begins the names, e.g. `upstream_rq` or `external.upstream_rq`. */
export function createResponseCodeStats(scope: StatsScope, prefix: string): ResponseCodeStats {
	return new LazyResponseCodeStats(scope, prefix);
}

class LazyResponseCodeStats implements ResponseCodeStats {
	readonly #scope: StatsScope;
	readonly #prefix: string;
	#completed: Counter | undefined;
	#time: Histogram | undefined;
	#codes: (CodeCounters | undefined)[] | undefined;

	constructor(scope: StatsScope, prefix: string) {
		this.#scope = scope;
		this.#prefix = prefix;
	}

	count(code: number): void {
		this.#completed ??= this.#scope.counter(`${this.#prefix}_completed`);
		this.#completed.value++;
		const counters = this.#codes?.[code] ?? this.#add(code);
		if (counters === undefined) return;
		counters.code.value++;
		if (counters.codeClass !== undefined) counters.codeClass.value++;
	}

	recordTime(milliseconds: number): void {
		this.#time ??= this.#scope.histogram(`${this.#prefix}_time`);
		this.#time.record(milliseconds);
	}

	#add(code: number): CodeCounters | undefined {
		// Whatever an upstream sends, no more than 900 names can come of it.
		if (!Number.isInteger(code) || code < 100 || code > 999) return undefined;
		const codeClass = Math.floor(code / 100);
		const counters: CodeCounters = {
			code: this.#scope.counter(`${this.#prefix}_${code}`),
			codeClass: codeClass <= 5 ? this.#scope.counter(`${this.#prefix}_${codeClass}xx`) : undefined,
		};
		this.#codes ??= new Array<CodeCounters | undefined>(1000).fill(undefined);
		this.#codes[code] = counters;
		return counters;
	}
}
