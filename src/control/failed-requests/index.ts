/** What proxies remember of requests that failed: asked for at their admin ports, explained, and given back to the objects that decided.
 *  The control plane sees no request itself. docs/why.md */

export { describeAbsence, describeNone, type Prediction, readUpstream } from "./diagnosis/index.ts";
export { createFailureBoard, type FailureBoard } from "./failure-board.ts";
export { createFailureEndpoint } from "./failure-endpoint.ts";
export type { Predict, RememberedCall } from "./tell-failures.ts";
export type { ToldFailure } from "./told-failure.ts";
