/** Hands one workload's certificate, key and trust bundle to its proxy: SDS (state of the world and delta) on a unix socket that only
 *  this user can open. Knows one identity and answers for no other. Does not renew (identity). Spec: xDS SecretDiscoveryService v3,
 *  resource names as SPIRE's agent has them. */
export { type Acknowledged, createSecretServer, type SecretServer, type SecretServerOptions } from "./secret-server.ts";
