import type { RuntimePercent } from "../../api/gen/envoy/config/core/v3/base_pb.js";
import type {
	AdmissionControl,
	AdmissionControl_SuccessCriteria,
} from "../../api/gen/envoy/extensions/filters/http/admission_control/v3/admission_control_pb.js";
import { type FeatureFlag, readFlag } from "./compression.ts";
import type { Scope } from "./scope.ts";
import { toMs } from "./values.ts";

/** A number with a runtime key that overrides it; the key is empty when there is none. */
export interface RuntimeNumber {
	readonly value: number;
	readonly runtimeKey: string;
}

/** `envoy.extensions.filters.http.admission_control.v3.AdmissionControl`. */
export interface AdmissionControlConfig {
	readonly enabled: FeatureFlag;
	/** Statuses of success, the second number of a range left out. */
	readonly httpSuccess: readonly (readonly [first: number, end: number])[];
	readonly grpcSuccess: ReadonlySet<number>;
	readonly windowMs: number;
	readonly aggression: RuntimeNumber;
	/** Percent of successes below which requests are refused. */
	readonly successThreshold: RuntimeNumber;
	/** Requests a second below which nothing is refused. */
	readonly rateThreshold: RuntimeNumber;
	/** Percent of requests that are refused at most. */
	readonly maxRejection: RuntimeNumber;
}

const defaultWindowMs = 30_000;

export function readAdmissionControl(message: AdmissionControl, scope: Scope): AdmissionControlConfig {
	const at = scope.at("success_criteria");
	const criteria = message.evaluationCriteria.case === "successCriteria" ? message.evaluationCriteria.value : undefined;
	const { aggression, rpsThreshold, srThreshold } = message;
	if (srThreshold?.defaultValue !== undefined && srThreshold.defaultValue.value < 1) {
		scope.at("sr_threshold").report("must be at least 1 percent");
	}
	return {
		enabled: readFlag(message.enabled),
		httpSuccess: readHttpSuccess(criteria, at.at("http_criteria")),
		grpcSuccess: readGrpcSuccess(criteria, at.at("grpc_criteria")),
		windowMs: Math.max(1000, Math.round(toMs(message.samplingWindow, defaultWindowMs) / 1000) * 1000),
		aggression: { value: aggression?.defaultValue ?? 1, runtimeKey: aggression?.runtimeKey ?? "" },
		successThreshold: readPercent(srThreshold, 95),
		rateThreshold: { value: rpsThreshold?.defaultValue ?? 0, runtimeKey: rpsThreshold?.runtimeKey ?? "" },
		maxRejection: readPercent(message.maxRejectionProbability, 80),
	};
}

function readPercent(message: RuntimePercent | undefined, otherwise: number): RuntimeNumber {
	return { value: message?.defaultValue?.value ?? otherwise, runtimeKey: message?.runtimeKey ?? "" };
}

function readHttpSuccess(
	criteria: AdmissionControl_SuccessCriteria | undefined,
	scope: Scope,
): AdmissionControlConfig["httpSuccess"] {
	if (criteria?.httpCriteria === undefined) return [[100, 500]];
	return criteria.httpCriteria.httpSuccessStatus.map(({ start, end }, index) => {
		if (start > end || start < 100 || end > 600) {
			scope.at("http_success_status", index).report(`invalid range of statuses: [${start}, ${end})`);
		}
		return [start, end];
	});
}

/** OK, CANCELLED, UNKNOWN, INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, FAILED_PRECONDITION, OUT_OF_RANGE,
 *  UNIMPLEMENTED, UNAUTHENTICATED: sending less would not change them. */
const defaultGrpcSuccess = [0, 1, 2, 3, 5, 6, 7, 9, 11, 12, 16];
const maxGrpcStatus = 16;

function readGrpcSuccess(
	criteria: AdmissionControl_SuccessCriteria | undefined,
	scope: Scope,
): AdmissionControlConfig["grpcSuccess"] {
	const statuses = criteria?.grpcCriteria?.grpcSuccessStatus;
	for (const [index, status] of (statuses ?? []).entries()) {
		if (status > maxGrpcStatus) scope.at("grpc_success_status", index).report(`invalid gRPC status ${status}`);
	}
	return new Set(statuses ?? defaultGrpcSuccess);
}
