/** The quota authority: proxies report what they let through of global limits, and get leases of the budgets, divided by demand, that end by
 *  themselves. Several control planes of one store divide each budget among themselves. Knows no xDS resource and no route.
 *  Spec: `envoy.service.rate_limit_quota.v3` (RLQS), docs/adr/0010. */
export type { Budget, Lease } from "./lease.ts";
export type { BucketStatus } from "./ledger.ts";
export { type ListedLimit, listLimits } from "./limit-list.ts";
export { openQuota } from "./open-quota.ts";
export type { QuotaService, QuotaTimes } from "./quota-service.ts";
