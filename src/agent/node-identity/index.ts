/** This node as the control plane knows it: how it shows who it is, what it may give out, and how that is signed.
 *  Knows no workload (attest-workload) and serves none (workload-api). */
export { type AgentClient, type AgentClientOptions, createAgentClient } from "./agent-client.ts";
export type { NodeEvidence } from "./attest-node.ts";
export {
	createNodeSession,
	type DomainBundle,
	isAway,
	type NodeSession,
	type NodeSessionOptions,
	type NodeState,
	renewUnderActive,
	type SignedToken,
} from "./node-session.ts";
export { openSavedIdentity, type SavedIdentity } from "./saved-identity.ts";
