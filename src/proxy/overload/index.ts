/** What is done when resources run out: monitors are read now and then, their pressures set actions, and whoever takes work asks
 *  whether it may. Spec: Envoy "overload manager". */

export { createOverload, type Overload, type OverloadState } from "./overload.ts";
export { createPressure } from "./pressure.ts";
export { createScaledTimeouts, type ScaledTimeout, type ScaledTimeouts } from "./timeouts.ts";
