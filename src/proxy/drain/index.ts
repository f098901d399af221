/** How connections of something that goes away are let go: Envoy's drain strategies, and the end of what vouched for a peer. Decides
 *  only; whoever holds connections asks before each response, or is told. */
export { type DrainDecision, type DrainStrategy, drainAtOnce, startDrain } from "./drain-decision.ts";
export { PeerBounds, type PeerBoundsOptions, revokedReason } from "./peer-bounds.ts";
