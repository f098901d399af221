import type { StatsScope } from "../../../telemetry/index.ts";
import type { DataPathContext } from "../../data-path-context.ts";
import type { HttpFilterConfig } from "../../runtime-config/index.ts";

/** What every filter of a chain is made from, beside its own config. */
export interface FilterParts {
	readonly name: string;
	/** Whether the filter is off for streams whose route says nothing about it. */
	readonly disabled: boolean;
	/** Its place in the chain, by which it keeps state in a stream. */
	readonly index: number;
	readonly context: DataPathContext;
	/** `http.<stat_prefix>`. */
	readonly scope: StatsScope;
	/** The configs of the whole chain. */
	readonly chain: readonly HttpFilterConfig[];
}
