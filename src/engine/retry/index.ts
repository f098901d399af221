/** Whether, when and where a request is tried again. Spec: Envoy router filter, `x-envoy-retry-on`. */
export { isGrpcRetryOn, isHttpRetryOn, parseGrpcRetryOn, parseHttpRetryOn, parseRetryOn } from "./parse-retry-on.ts";
export {
	type RateLimitedBackOff,
	type RetryHostPredicate,
	RetryOn,
	type RetryPolicy,
} from "./retry-policy.ts";
export { type AttemptReset, RetryState } from "./retry-state.ts";
