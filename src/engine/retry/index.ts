/** Whether, when and where a request is tried again. Spec: Envoy router filter, `x-envoy-retry-on`. */
export {
	type RateLimitedBackOff,
	type RetryHostPredicate,
	RetryOn,
	type RetryPolicy,
} from "./retry-policy.ts";
