import { ResponseFlag } from "../../../../engine/format/index.ts";
import type { Runtime } from "../../../../engine/runtime/index.ts";
import type { ConnectionRateLimitConfig } from "../../../runtime-config/index.ts";
import type { ConnectionRateLimitStats } from "../../../stats/index.ts";
import type { ConnectionBucket } from "../../connection-bucket.ts";
import { isEnabled } from "../../runtime-flag.ts";
import type { NetworkGate } from "../network-filter.ts";

const closeReason = "local_ratelimit_close_over_limit";

/** Closes connections that find no token. */
export function createConnectionRateLimit(
	config: ConnectionRateLimitConfig,
	bucket: ConnectionBucket,
	stats: ConnectionRateLimitStats,
	runtime: Runtime,
): NetworkGate {
	return {
		open() {
			if (!isEnabled(config.enabled, runtime) || bucket.take()) return undefined;
			stats.rate_limited.value++;
			// Envoy marks these connections so.
			return { terminationDetails: "", closeReason, delayMs: 0, flags: ResponseFlag.upstreamRetryLimitExceeded };
		},
	};
}
