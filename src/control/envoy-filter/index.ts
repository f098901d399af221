/** EnvoyFilter objects: patches in the terms of Envoy's API, applied to what one proxy is given, after everything else. A patch that is no
 *  message of the API is left out alone and told. Spec: Istio, networking/v1alpha3/envoy_filter.proto. */
export { applyEnvoyFilters } from "./apply.ts";
export { createPatchedSource, type PatchedSource } from "./patched-source.ts";
export { type PatchedNode, selectEnvoyFilters } from "./select.ts";
