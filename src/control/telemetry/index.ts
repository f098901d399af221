/** Telemetry objects and what the MeshConfig says: which spans, access logs and metrics the proxies of some workloads have. Applied to the listeners of one proxy after
 *  they were translated. Spec: Istio, telemetry/v1alpha1/telemetry.proto. */
export { applyTelemetry } from "./apply.ts";
export { hasMeshTelemetry, type ResolvedTelemetry, resolveTelemetry, type SideTelemetry } from "./resolve.ts";
