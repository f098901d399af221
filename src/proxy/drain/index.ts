/** How connections of something that goes away are let go: Envoy's drain strategies. Decides only; whoever holds connections
 *  asks before each response. */
export { type DrainDecision, type DrainStrategy, drainAtOnce, startDrain } from "./drain-decision.ts";
