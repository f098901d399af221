/** The Gateway API, without a proxy in sight: which routes attach to which listeners and Services, what their references may reach,
 *  and the status of every object. Pure functions of a mesh; translation makes listeners and routes of what they say.
 *  Spec: Gateway API v1, GEP-1294 (routes of Services). */
export {
	type AnyRoute,
	type AttachedGateway,
	type AttachedListener,
	type Attachments,
	attachRoutes,
	type BoundRoute,
} from "./attach-routes.ts";
export { findBackendTlsPolicy } from "./backend-tls-policies.ts";
export type { CertificateStore, KeyPair, TrustBundle } from "./certificates.ts";
export { isFault } from "./certificates.ts";
export type { Condition } from "./condition.ts";
export { compareSpecificity, coversHost, intersectHosts } from "./hostname.ts";
export type { ClientCertificates, TlsTermination } from "./listener-tls.ts";
export { describeMeshStreams } from "./mesh-streams.ts";
export { permitRules } from "./route-references.ts";
export { computeStatuses, type StatusInputs } from "./status.ts";
export { createStatusBoard, type StatusBoard } from "./status-board.ts";
export { listStatusProblems } from "./status-problems.ts";
