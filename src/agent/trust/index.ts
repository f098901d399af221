/** Brings what the authority publishes (roots, those of related trust domains) to the workloads of this machine, and tells it what their
 *  proxies have acknowledged. Signs nothing and renews nothing itself (identity). */
export { createTrustClient, type TrustClient, type TrustClientOptions, type TrustHolder } from "./trust-client.ts";
