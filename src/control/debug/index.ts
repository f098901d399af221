/** Istio's debug paths of the control plane, in its JSON: who is connected and how far, what each proxy was given, services, endpoints and config
 *  as they are understood. For those who know Istio and their tools; the admin API (admin) says the same in amime's words. Spec: Istio
 *  `pilot/pkg/xds/debug.go`. */
export { createDebugEndpoints, type DebugEndpointsOptions } from "./debug-endpoints.ts";
