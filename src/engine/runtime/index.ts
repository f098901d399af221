/** Runtime values and the fractions they override. Spec: envoy.config.bootstrap.v3.LayeredRuntime. */
export type { Runtime, RuntimeFraction } from "./runtime.ts";
