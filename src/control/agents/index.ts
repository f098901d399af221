/** Agents of nodes: how a node shows who it is, which registration entries it may give out, and the signatures for these.
 *  Knows no workload: that is the agents' part. Words and rules as in SPIRE (node attestation, registration entries). */
export { type AgentEndpoints, type AgentEndpointsOptions, createAgentEndpoints, holderOf } from "./agent-endpoints.ts";
export { type AgentServer, type AgentServerOptions, createAgentServer } from "./agent-server.ts";
export { createNodeAttestors } from "./attestation-file.ts";
export { createDownstreamEndpoints, type DownstreamEndpointsOptions } from "./downstream-endpoints.ts";
export type { AttestedNode, NodeAttestor } from "./node-attestor.ts";
export { openRevocations, type Revocations } from "./revocations.ts";
