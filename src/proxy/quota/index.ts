/** Leases of shared budgets: one stream to each quota service, on which usage is told and leases come; buckets are the engine's. Not which
 *  requests are limited (filter/http/rate-limit-quota). Spec: `envoy.service.rate_limit_quota.v3` (RLQS). */
export type { QuotaClient } from "./quota-client.ts";
export { createQuotaClients, type QuotaClients } from "./quota-clients.ts";
