/** Changes that some proxies are given before the others: chosen by a hash, compared by what proxies count themselves, completed or taken back.
 *  The record is in the store, so that any control plane goes on with it. Does not translate (snapshot) and does not send (xds).
 *  Spec: docs/canary.md. */
export { type Candidate, type CandidateOptions, openCandidate } from "./candidate.ts";
export { createRolloutEndpoints } from "./rollout-endpoints.ts";
export { nameObjects, openRollouts, type Rollouts } from "./rollouts.ts";
export { parseStats, statsPath } from "./sample.ts";
export { createSplitSource, type SplitSource } from "./split-source.ts";
