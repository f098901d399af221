import { getHeader, type HeaderList, type Random } from "../../core/index.ts";
import type { RequestHead } from "../format/index.ts";
import { type HeaderMatcher, matchHeaderValue, matchRequestHeader } from "../matcher/index.ts";
import { parseGrpcRetryOn, parseHttpRetryOn } from "./parse-retry-on.ts";
import { RetryOn, type RetryPolicy } from "./retry-policy.ts";

/** How an attempt ended without a response. */
export type AttemptReset =
	/** A circuit breaker was full: never retried. */
	"overflow" | "connect-failure" | "refused-stream" | "reset";

const resetIsServerError = RetryOn.serverError | RetryOn.gatewayError;
const grpcConditions: readonly (readonly [status: number, bit: number])[] = [
	[1, RetryOn.grpcCancelled],
	[4, RetryOn.grpcDeadlineExceeded],
	[8, RetryOn.grpcResourceExhausted],
	[13, RetryOn.grpcInternal],
	[14, RetryOn.grpcUnavailable],
];
const anyGrpc = grpcConditions.reduce((bits, [, bit]) => bits | bit, 0);

/** What one request may still retry. Counting, circuit breakers and timers are the caller's.
 *  Spec: Envoy router filter, `x-envoy-retry-on` and `RetryPolicy`. */
export class RetryState {
	readonly policy: RetryPolicy;
	readonly #retryOn: number;
	readonly #statuses: readonly number[];
	readonly #headers: readonly HeaderMatcher[];
	#remaining: number;
	#nextIntervalMs: number;

	private constructor(
		policy: RetryPolicy,
		retryOn: number,
		numRetries: number,
		statuses: readonly number[],
		headers: readonly HeaderMatcher[],
	) {
		this.policy = policy;
		this.#retryOn = retryOn;
		this.#remaining = numRetries;
		this.#statuses = statuses;
		this.#headers = headers;
		this.#nextIntervalMs = policy.backOffBaseMs;
	}

	/** The state of a new request, with what its `x-envoy-…` headers ask for; undefined when nothing is retried. */
	static create(policy: RetryPolicy, request: RequestHead): RetryState | undefined {
		const { headers } = request;
		const retryOnHeader = getHeader(headers, "x-envoy-retry-on");
		const grpcHeader = getHeader(headers, "x-envoy-retry-grpc-on");
		let retryOn = policy.retryOn;
		if (retryOnHeader !== undefined) retryOn |= parseHttpRetryOn(retryOnHeader);
		if (grpcHeader !== undefined) retryOn |= parseGrpcRetryOn(grpcHeader);
		if (retryOn === 0) return undefined;
		const { retriableRequestHeaders } = policy;
		if (
			retriableRequestHeaders.length > 0 &&
			!retriableRequestHeaders.some((matcher) => matchRequestHeader(matcher, request))
		) {
			return undefined;
		}
		const maximum = getHeader(headers, "x-envoy-max-retries");
		const numRetries = maximum !== undefined && /^\d{1,9}$/.test(maximum) ? Number(maximum) : policy.numRetries;
		return new RetryState(
			policy,
			retryOn,
			numRetries,
			extendStatuses(policy, getHeader(headers, "x-envoy-retriable-status-codes")),
			extendHeaders(policy, getHeader(headers, "x-envoy-retriable-header-names")),
		);
	}

	/** Whether {@link wantsResponse} depends on headers other than `x-envoy-…`, by the policy or by what the request asked for. */
	get readsHeaders(): boolean {
		return (
			(this.#retryOn & anyGrpc) !== 0 || ((this.#retryOn & RetryOn.retriableHeaders) !== 0 && this.#headers.length > 0)
		);
	}

	/** Whether a response of this kind is one to retry. */
	wantsResponse(status: number, headers: HeaderList): boolean {
		const retryOn = this.#retryOn;
		if (getHeader(headers, "x-envoy-ratelimited") !== undefined) return (retryOn & RetryOn.envoyRateLimited) !== 0;
		if ((retryOn & RetryOn.serverError) !== 0 && status >= 500 && status < 600) return true;
		if ((retryOn & RetryOn.gatewayError) !== 0 && status >= 502 && status <= 504) return true;
		if ((retryOn & RetryOn.retriable4xx) !== 0 && status === 409) return true;
		if ((retryOn & RetryOn.retriableStatusCodes) !== 0 && this.#statuses.includes(status)) return true;
		if ((retryOn & RetryOn.retriableHeaders) !== 0) {
			for (const matcher of this.#headers) {
				const value = matcher.name === ":status" ? String(status) : getHeader(headers, matcher.name);
				if (matchHeaderValue(matcher, value)) return true;
			}
		}
		if ((retryOn & anyGrpc) === 0) return false;
		const grpcStatus = getHeader(headers, "grpc-status");
		return (
			grpcStatus !== undefined &&
			grpcConditions.some(([code, bit]) => (retryOn & bit) !== 0 && grpcStatus === String(code))
		);
	}

	/** Whether an attempt that ended without a response is one to retry; `requestStarted` says that bytes of it were sent. */
	wantsReset(reset: AttemptReset, requestStarted: boolean): boolean {
		if (reset === "overflow") return false;
		const retryOn = this.#retryOn;
		if ((retryOn & RetryOn.reset) !== 0) return true;
		if ((retryOn & RetryOn.resetBeforeRequest) !== 0 && !requestStarted) return true;
		if ((retryOn & resetIsServerError) !== 0) return true;
		if ((retryOn & RetryOn.refusedStream) !== 0 && reset === "refused-stream") return true;
		return (retryOn & RetryOn.connectFailure) !== 0 && reset === "connect-failure";
	}

	/** Uses up one retry; false when the limit is reached. */
	take(): boolean {
		if (this.#remaining === 0) return false;
		this.#remaining--;
		return true;
	}

	/** Milliseconds to wait before the next attempt, and by which rule. Headers are those of the response that is retried. */
	nextBackOff(
		random: Random,
		wallMs: number,
		headers: HeaderList | undefined,
	): { readonly delayMs: number; readonly rateLimited: boolean } {
		const limited = headers === undefined ? undefined : this.#rateLimitedInterval(wallMs, headers);
		if (limited !== undefined) {
			// Up to half as much again, so that callers told the same moment do not return together.
			return { delayMs: Math.floor(limited * (1 + random.next() / 2)), rateLimited: true };
		}
		const interval = this.#nextIntervalMs;
		this.#nextIntervalMs = Math.min(interval * 2, this.policy.backOffMaxMs);
		return { delayMs: Math.floor(random.next() * interval), rateLimited: false };
	}

	#rateLimitedInterval(wallMs: number, headers: HeaderList): number | undefined {
		const { rateLimitedBackOff } = this.policy;
		if (rateLimitedBackOff === undefined) return undefined;
		for (const { name, format } of rateLimitedBackOff.resetHeaders) {
			const text = getHeader(headers, name);
			if (text === undefined || !/^\d{1,15}$/.test(text)) continue;
			const intervalMs = format === "seconds" ? Number(text) * 1000 : Number(text) * 1000 - wallMs;
			if (intervalMs > 0 && intervalMs <= rateLimitedBackOff.maxIntervalMs) return intervalMs;
		}
		return undefined;
	}
}

function extendStatuses(policy: RetryPolicy, header: string | undefined): readonly number[] {
	if (header === undefined) return policy.retriableStatusCodes;
	const more = header
		.split(",")
		.map((word) => word.trim())
		.filter((word) => /^\d{3}$/.test(word))
		.map(Number);
	return [...policy.retriableStatusCodes, ...more];
}

function extendHeaders(policy: RetryPolicy, header: string | undefined): readonly HeaderMatcher[] {
	if (header === undefined) return policy.retriableHeaders;
	const more = header
		.split(",")
		.map((word) => word.trim().toLowerCase())
		.filter((name) => name !== "")
		.map(
			(name): HeaderMatcher => ({
				name,
				invert: false,
				treatMissingAsEmpty: false,
				value: { kind: "present", present: true },
			}),
		);
	return [...policy.retriableHeaders, ...more];
}
