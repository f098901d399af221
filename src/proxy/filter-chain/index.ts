/** Filter chains: which one a connection gets, and its way through transport handshake and gates to the terminal filter.
 *  Does not accept sockets (listener) nor speak HTTP (filter/network). Spec: Envoy `FilterChain`, `FilterChainMatch`. */
export { FilterChain, type FilterChainParts, type TransportOutcome } from "./filter-chain.ts";
export { type ConnectionProperties, matchChainName, matchFilterChain } from "./match-filter-chain.ts";
