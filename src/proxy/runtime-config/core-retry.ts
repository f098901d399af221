import type { RetryPolicy } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import { toMs } from "./values.ts";

/** Retries of a call of the proxy's own. */
export interface CoreRetryPolicy {
	readonly count: number;
	/** Words of `retry_on`. */
	readonly on: ReadonlySet<string>;
	readonly baseMs: number;
	readonly maxMs: number;
}

/** Translates retries of a call; `retryOn` is what the caller retries on, whatever the message says. */
export function readCoreRetryPolicy(message: RetryPolicy | undefined, retryOn?: string): CoreRetryPolicy | undefined {
	if (message === undefined) return undefined;
	const baseMs = toMs(message.retryBackOff?.baseInterval, 1000);
	return {
		count: message.numRetries ?? 1,
		on: new Set((retryOn ?? message.retryOn).split(",").map((word) => word.trim())),
		baseMs,
		maxMs: toMs(message.retryBackOff?.maxInterval, message.retryBackOff === undefined ? 10_000 : baseMs * 10),
	};
}
