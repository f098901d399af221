/** Authorization of connections, before anything of them is read. Spec: Envoy `extensions/filters/network/rbac/v3`. */
export { createNetworkRbac } from "./network-rbac.ts";
