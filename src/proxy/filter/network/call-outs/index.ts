/** Network filters that ask services about connections.
 *  Spec: Envoy `extensions/filters/network/{ext_authz,ratelimit}`. */
export { createNetworkExtAuthz } from "./network-ext-authz.ts";
export { createNetworkRateLimit } from "./network-rate-limit.ts";
