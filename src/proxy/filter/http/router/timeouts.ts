import { getHeader, type Millis, removeHeader } from "../../../../core/index.ts";
import { type ForwardAction, isGrpcRequest } from "../../../../engine/router/index.ts";
import type { PassRequestHead } from "../pass-head.ts";
import type { Attempt } from "./attempt.ts";

/** The limits of one forwarded request; 0 is off. */
export interface RequestTimeouts {
	readonly globalMs: number;
	readonly perTryMs: number;
	readonly perTryIdleMs: number;
}

/** The route's timeouts with those of `x-envoy-upstream-rq-timeout-ms` and its per-try twin, which leave the request. Envoy's
 *  `FilterUtility::finalTimeout`. */
export function resolveTimeouts(
	action: ForwardAction,
	request: PassRequestHead,
	respectsExpected: boolean,
): RequestTimeouts {
	let globalMs = action.timeoutMs;
	let perTryMs = action.retryPolicy?.perTryTimeoutMs ?? 0;
	const perTryIdleMs = action.retryPolicy?.perTryIdleTimeoutMs ?? 0;
	if (request.mayHaveEnvoyFields) {
		const { headers } = request;
		const expected = respectsExpected ? takeNumber(headers, "x-envoy-expected-rq-timeout-ms", false) : undefined;
		globalMs = expected ?? takeNumber(headers, "x-envoy-upstream-rq-timeout-ms", true) ?? globalMs;
		perTryMs = takeNumber(headers, "x-envoy-upstream-rq-per-try-timeout-ms", true) ?? perTryMs;
	}
	if (perTryMs >= globalMs && globalMs !== 0) perTryMs = 0;
	return { globalMs, perTryMs, perTryIdleMs };
}

const alternativeName = "x-envoy-upstream-rq-timeout-alt-response";

/** What the client is told when the upstream took too long. */
export function timeoutStatusOf(request: PassRequestHead): number {
	return request.mayHaveEnvoyFields && request.get(alternativeName) !== undefined ? 204 : 504;
}

const expectedName = "x-envoy-expected-rq-timeout-ms";

/** Tells the upstream how long it has. */
export function announceTimeout(request: PassRequestHead, { globalMs, perTryMs }: RequestTimeouts): void {
	const expectedMs = perTryMs > 0 ? perTryMs : globalMs;
	if (expectedMs === 0) return;
	if (request.mayHaveEnvoyFields) request.set(expectedName, String(expectedMs));
	else request.add(expectedName, String(expectedMs));
}

/** Tells the upstream of a retry what is left. */
export function updateExpectedTimeout(request: PassRequestHead, timeouts: RequestTimeouts, elapsedMs: number): void {
	const { globalMs, perTryMs } = timeouts;
	if (globalMs === 0) return;
	const leftMs = Math.max(1, Math.ceil(globalMs - elapsedMs));
	request.set(expectedName, String(perTryMs > 0 ? Math.min(perTryMs, leftMs) : leftMs));
}

/** Starts the limits of a try that has its connection, with a complete request; as in Envoy, they are about the upstream and no slow upload.
 *  @returns whether it has any */
export function startTry(
	attempt: Attempt | undefined,
	{ perTryMs, perTryIdleMs }: RequestTimeouts,
	now: Millis,
): boolean {
	if ((perTryMs <= 0 && perTryIdleMs <= 0) || attempt?.isConnected !== true || attempt.isOver) return false;
	if (perTryMs > 0 && !attempt.responded) attempt.tryEndsAt = now + perTryMs;
	if (perTryIdleMs > 0) attempt.tryIdleAt = now + perTryIdleMs;
	return true;
}

function takeNumber(headers: string[], name: string, removes: boolean): number | undefined {
	const text = getHeader(headers, name);
	if (text === undefined) return undefined;
	if (removes) removeHeader(headers, name);
	return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

const units: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };

/** The `grpc-timeout` header in milliseconds; undefined when absent or malformed. */
export function parseGrpcTimeout(text: string | undefined): number | undefined {
	const match = /^(\d{1,8})([HMSmun])$/.exec(text ?? "");
	return match === null ? undefined : Math.ceil(Number(match[1]) * units[match[2]!]!);
}

/** How long the stream may take: the client's `grpc-timeout` within the route's bound, else what the route says; undefined leaves the
 *  connection manager's limit. */
export function resolveMaxDuration(action: ForwardAction, request: PassRequestHead): number | undefined {
	const { grpcTimeoutHeaderMaxMs: maxMs, grpcTimeoutHeaderOffsetMs: offsetMs, maxStreamDurationMs } = action;
	if (maxMs === undefined || (action.boundsOnlyGrpc === true && !isGrpcRequest(request))) return maxStreamDurationMs;
	const asked = parseGrpcTimeout(getHeader(request.headers, "grpc-timeout"));
	if (asked === undefined) return maxStreamDurationMs;
	const bounded = maxMs > 0 && (asked === 0 || asked > maxMs) ? maxMs : asked;
	return offsetMs > 0 && bounded > offsetMs ? bounded - offsetMs : bounded;
}

/** Gives the stream the route's own limits, where it has any. */
export function applyLimits(
	stream: { setLimits(idleTimeoutMs: number | undefined, maxDurationMs: number | undefined): void },
	action: ForwardAction,
	request: PassRequestHead,
): void {
	const maxDurationMs = resolveMaxDuration(action, request);
	if (action.idleTimeoutMs !== undefined || maxDurationMs !== undefined) {
		stream.setLimits(action.idleTimeoutMs, maxDurationMs);
	}
}
