import type { FaultDelay, FaultRateLimit } from "../../api/gen/envoy/extensions/filters/common/fault/v3/fault_pb.js";
import type { FaultAbort, HTTPFault } from "../../api/gen/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import type { FaultConfig } from "../../engine/fault/index.ts";
import { readHeaderMatchers } from "./matchers.ts";
import type { Scope } from "./scope.ts";
import { readFraction, toMs } from "./values.ts";

/** Translates the fault filter; runtime keys that are not set are Envoy's own. */
export function readFault(message: HTTPFault, scope: Scope): FaultConfig {
	return {
		delay: readDelay(message.delay, message.delayPercentRuntime || "fault.http.delay.fixed_delay_percent"),
		abort: readAbort(message.abort, message.abortPercentRuntime || "fault.http.abort.abort_percent"),
		responseRateLimit: readRateLimit(
			message.responseRateLimit,
			message.responseRateLimitPercentRuntime || "fault.http.rate_limit.response_percent",
		),
		upstreamCluster: message.upstreamCluster,
		downstreamNodes: message.downstreamNodes,
		headers: readHeaderMatchers(message.headers, scope, "headers"),
		maxActiveFaults: message.maxActiveFaults ?? -1,
		runtimeKeys: {
			delayDuration: message.delayDurationRuntime || "fault.http.delay.fixed_duration_ms",
			abortHttpStatus: message.abortHttpStatusRuntime || "fault.http.abort.http_status",
			abortGrpcStatus: message.abortGrpcStatusRuntime || "fault.http.abort.grpc_status",
			maxActiveFaults: message.maxActiveFaultsRuntime || "fault.http.max_active_faults",
		},
		disableDownstreamClusterStats: message.disableDownstreamClusterStats,
	};
}

function readDelay(message: FaultDelay | undefined, runtimeKey: string): FaultConfig["delay"] {
	if (message === undefined) return undefined;
	const secifier = message.faultDelaySecifier;
	const fixedMs = secifier.case === "fixedDelay" ? toMs(secifier.value, 0) : undefined;
	return { fixedMs, fraction: readFraction(message.percentage, runtimeKey) };
}

function readAbort(message: FaultAbort | undefined, runtimeKey: string): FaultConfig["abort"] {
	if (message === undefined) return undefined;
	const type = message.errorType;
	const body = message.responseBody;
	const fraction = readFraction(message.percentage, runtimeKey);
	if (type.case === "httpStatus") return { status: { kind: "http", status: type.value }, body, fraction };
	if (type.case === "grpcStatus") return { status: { kind: "grpc", status: type.value }, body, fraction };
	return { status: { kind: "header" }, body, fraction };
}

function readRateLimit(message: FaultRateLimit | undefined, runtimeKey: string): FaultConfig["responseRateLimit"] {
	if (message === undefined) return undefined;
	const type = message.limitType;
	const fixedKibibytesPerSecond = type.case === "fixedLimit" ? Number(type.value.limitKbps) : undefined;
	return { fixedKibibytesPerSecond, fraction: readFraction(message.percentage, runtimeKey) };
}
