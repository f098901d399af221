/** The agent of a node and its unix socket: the SPIFFE Workload API, and SDS for a stock Envoy with the names of SPIRE's agent.
 *  Who calls is what attest-workload says of the process that connected; what it gets is what the control plane lets this node give out.
 *  Spec: SPIFFE Workload API and Workload Endpoint, X509-SVID, JWT-SVID; xDS SecretDiscoveryService v3. */
export { createNodeAgent, type NodeAgent, type NodeAgentOptions } from "./node-agent.ts";
