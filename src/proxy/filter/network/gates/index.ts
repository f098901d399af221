/** Small network filters that see connections come: limits, and what filters behind them go by.
 *  Spec: Envoy `extensions/filters/network/{connection_limit,local_ratelimit,set_filter_state,sni_cluster,sni_dynamic_forward_proxy}`. */
export { createConnectionLimit } from "./connection-limit.ts";
export { createConnectionRateLimit } from "./connection-rate-limit.ts";
export { createServerNameForward } from "./server-name-forward.ts";
export { createSetFilterState } from "./set-filter-state.ts";
export { createSniCluster } from "./sni-cluster.ts";
