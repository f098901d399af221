import {
	type BandwidthLimit,
	BandwidthLimit_EnableMode,
} from "../../api/gen/envoy/extensions/filters/http/bandwidth_limit/v3/bandwidth_limit_pb.js";
import { type FeatureFlag, readFlag } from "./compression.ts";
import type { Scope } from "./scope.ts";
import { toMs } from "./values.ts";

/** `envoy.extensions.filters.http.bandwidth_limit.v3.BandwidthLimit`. */
export interface BandwidthLimitConfig {
	readonly statPrefix: string;
	readonly limitsRequests: boolean;
	readonly limitsResponses: boolean;
	readonly bytesPerSecond: number;
	readonly fillIntervalMs: number;
	readonly enabled: FeatureFlag;
	/** Whether trailers tell how long things took. */
	readonly addsTrailers: boolean;
	/** Before their names; empty or ends with a dash. */
	readonly trailerPrefix: string;
}

export function readBandwidthLimit(message: BandwidthLimit, scope: Scope, onRoute: boolean): BandwidthLimitConfig {
	const { enableMode, limitKbps } = message;
	if (limitKbps === undefined && onRoute) {
		scope.at("limit_kbps").report("bandwidthlimitfilter: limit must be set");
	}
	const prefix = message.responseTrailerPrefix.toLowerCase();
	return {
		statPrefix: message.statPrefix,
		limitsRequests:
			enableMode === BandwidthLimit_EnableMode.REQUEST || enableMode === BandwidthLimit_EnableMode.REQUEST_AND_RESPONSE,
		limitsResponses:
			enableMode === BandwidthLimit_EnableMode.RESPONSE ||
			enableMode === BandwidthLimit_EnableMode.REQUEST_AND_RESPONSE,
		bytesPerSecond: Number(limitKbps ?? 0n) * 1024,
		fillIntervalMs: toMs(message.fillInterval, 50),
		enabled: readFlag(message.runtimeEnabled),
		addsTrailers: message.enableResponseTrailers,
		trailerPrefix: prefix === "" ? "" : `${prefix}-`,
	};
}
