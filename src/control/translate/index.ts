/** Mesh to xDS, one resource at a time: pure, and never thrown off by a user's mistake, which is reported instead. What each function
 *  reads is what its result depends on, so that the snapshot can keep what did not change. Spec: Envoy v3 API, Gateway API, Istio. */
export { findAuthorizationPolicies } from "./authorization.ts";
export { translateOutboundCluster } from "./cluster.ts";
export { type HostPolicy, mergeTrafficPolicy, resolveHostPolicy } from "./destination-rule.ts";
export { isMutualTlsOnly, type ResolvedEndpoint, resolveEndpoints, translateAssignment } from "./endpoint.ts";
export type { ProxyKind } from "./http-connection-manager.ts";
export { findRoutes, rankMatches } from "./http-route.ts";
export { translateInboundListener } from "./inbound-listener.ts";
export { translateConnectCluster, translateInboundCluster } from "./local-cluster.ts";
export { createMeshIndex, type MeshIndex } from "./mesh-index.ts";
export { sdsClusterName } from "./messages.ts";
export { resolveMutualTlsMode } from "./mutual-tls.ts";
export {
	compareAge,
	compareText,
	connectClusterName,
	hostOf,
	httpProxyName,
	inboundClusterName,
	outboundClusterName,
	serviceRouteName,
} from "./names.ts";
export { translateHttpProxyListener, translateUpstreamListener } from "./outbound-listener.ts";
export { type ServiceRoutes, translateHttpProxyRoutes, translateServiceRoutes } from "./outbound-route.ts";
export { findTargetPort } from "./port.ts";
export { type MeshProblem, type ReportProblem, uniqueProblems } from "./problem.ts";
export type { RankedMatch } from "./route-match.ts";
