/** Rate limits without I/O: the descriptors that policies make of a request, and token buckets. Used by the filters that limit by
 *  themselves and by those that ask a service. Spec: `envoy.config.route.v3.RateLimit`, `envoy.type.v3.TokenBucket`. */
export { createDescriptors, type Descriptor, type DescriptorContext, type DescriptorEntry } from "./descriptors.ts";
export type { MetadataPath, RateLimitAction, RateLimitPolicy } from "./policy.ts";
export { createRateLimiter, type RateLimiter, type RateLimiterConfig, type RateLimitVerdict } from "./rate-limiter.ts";
export { TokenBucket, type TokenBucketConfig } from "./token-bucket.ts";
