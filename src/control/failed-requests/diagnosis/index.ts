/** Why a request failed at one proxy: from what the proxy wrote down and the mesh as it is served, to one cause, whose turn it is, the objects
 *  that decided and what most likely helps. One file a kind of failure, tried in the order of `diagnose.ts`. Asks nobody. */
export { type Absence, describeAbsence } from "./absence.ts";
export { diagnose } from "./diagnose.ts";
export type { Case, Diagnosis, Fault, KnownMesh, Prediction } from "./diagnosis.ts";
export { describeNone } from "./of-endpoints.ts";
export { readUpstream } from "./upstream.ts";
