import { RetryOn } from "./retry-policy.ts";

const conditions: Readonly<Record<string, number>> = {
	"5xx": RetryOn.serverError,
	"gateway-error": RetryOn.gatewayError,
	"connect-failure": RetryOn.connectFailure,
	"retriable-4xx": RetryOn.retriable4xx,
	"refused-stream": RetryOn.refusedStream,
	"retriable-status-codes": RetryOn.retriableStatusCodes,
	"retriable-headers": RetryOn.retriableHeaders,
	reset: RetryOn.reset,
	"reset-before-request": RetryOn.resetBeforeRequest,
	"envoy-ratelimited": RetryOn.envoyRateLimited,
	"http3-post-connect-failure": RetryOn.http3PostConnectFailure,
};

const grpcConditions: Readonly<Record<string, number>> = {
	cancelled: RetryOn.grpcCancelled,
	"deadline-exceeded": RetryOn.grpcDeadlineExceeded,
	"resource-exhausted": RetryOn.grpcResourceExhausted,
	unavailable: RetryOn.grpcUnavailable,
	internal: RetryOn.grpcInternal,
};

/** Reads a comma-separated list of conditions, HTTP and gRPC ones alike; unknown ones count for nothing, as in Envoy. */
export function parseRetryOn(text: string): number {
	return parse(text, conditions) | parse(text, grpcConditions);
}

/** Reads `x-envoy-retry-on`. */
export function parseHttpRetryOn(text: string): number {
	return parse(text, conditions);
}

/** Reads `x-envoy-retry-grpc-on`. */
export function parseGrpcRetryOn(text: string): number {
	return parse(text, grpcConditions);
}

/** Whether every condition of an `x-envoy-retry-on` is known. */
export function isHttpRetryOn(text: string): boolean {
	return isKnown(text, conditions);
}

/** Whether every condition of an `x-envoy-retry-grpc-on` is known. */
export function isGrpcRetryOn(text: string): boolean {
	return isKnown(text, grpcConditions);
}

function isKnown(text: string, known: Readonly<Record<string, number>>): boolean {
	return text.split(",").every((word) => Object.hasOwn(known, word.trim()));
}

function parse(text: string, known: Readonly<Record<string, number>>): number {
	let bits = 0;
	for (const word of text.split(",")) bits |= known[word.trim()] ?? 0;
	return bits;
}
