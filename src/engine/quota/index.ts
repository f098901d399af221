/** Rate limits by leases of a shared budget, without I/O: buckets by name, what a lease lets through, and what holds without one. Who gives
 *  leases and how they come is the proxy's business. Spec: `envoy.service.rate_limit_quota.v3` (RLQS). */
export { QuotaBucket, type QuotaFallback, type QuotaStrategy, type QuotaUsage } from "./quota-bucket.ts";
export { QuotaBuckets, quotaKey } from "./quota-buckets.ts";
