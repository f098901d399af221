/** Injected delays, aborts and throughput limits. Spec: envoy.extensions.filters.http.fault.v3. */
export type { FaultConfig } from "./types.ts";
