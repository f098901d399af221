/** Listener filters: what looks at a connection (and its first bytes) before a filter chain is chosen.
 *  Spec: Envoy `extensions/filters/listener`. */
export { createListenerFilters, type ListenerFilterContext, missingFilter } from "./create-listener-filters.ts";
export type { ListenerFilter, PendingConnection, ProxyHeader } from "./listener-filter.ts";
export { type FilterOutcome, runListenerFilters } from "./run-listener-filters.ts";
