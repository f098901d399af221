/** Gateways as one proxy at the edge serves them: which Gateways it serves, and the listeners, routes and secrets that they make.
 *  Both dialects become servers, and from there on they are alike. Spec: Istio Gateway, Gateway API v1. */

export type { GatewayNode } from "./gateway-node.ts";
export { type GatewayResources, translateGateway } from "./gateway-resources.ts";
export { findEnforcedPolicies, findServedGateway, type ServedGateway } from "./served-gateway.ts";
export { hostsFor, type Server } from "./server.ts";
