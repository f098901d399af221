/** Mesh to xDS, one resource at a time: pure, and never thrown off by a user's mistake, which is reported instead. What each function
 *  reads is what its result depends on, so that the snapshot can keep what did not change. Spec: Envoy v3 API, Gateway API, Istio. */

export {
	authorizationHttpFilters,
	authorizationNetworkFilters,
	summarizeAuthorization,
} from "./authorization/filters.ts";
export { findAuthorizationPolicies } from "./authorization/policies.ts";
export { listDestinations } from "./backend-shares.ts";
export {
	describeAuthorities,
	type EncryptedBackend,
	encryptBackend,
	findEncryptedBackend,
	findMeshBackendTls,
} from "./backend-tls.ts";
export type { Client } from "./client.ts";
export { clusterKindOf, mutualTlsUseOf, speaksAsClients, translateOutboundCluster } from "./cluster.ts";
export { controlClusterNames, translateSecureControlCluster } from "./control-cluster.ts";
export { completePolicy, type HostPolicy, mergeTrafficPolicy, resolveHostPolicy } from "./destination-rule.ts";
export { egressSource, leavesMesh } from "./egress-log.ts";
export { isMutualTlsOnly, type ResolvedEndpoint, resolveEndpoints, translateAssignment } from "./endpoint.ts";
export { authorizerGuardName, describeExternalAuths, findAskingRules } from "./external-auth.ts";
export {
	findEnforcedPolicies,
	findServedGateway,
	type GatewayNode,
	type GatewayResources,
	hostsFor,
	type ServedGateway,
	type Server,
	translateGateway,
} from "./gateway/index.ts";
export type { OutboundProxy, ProxyKind } from "./http-connection-manager.ts";
export { findRoutes, rankMatches } from "./http-route.ts";
export { translateCapturedInboundClusters } from "./inbound/captured-cluster.ts";
export { translateVirtualInbound } from "./inbound/captured-listener.ts";
export { findIngressSidecar, findIngressTls, type IngressTls } from "./inbound/inbound-port.ts";
export { translateInboundListener } from "./inbound/registered-listener.ts";
export {
	translateBlackHoleCluster,
	translateConnectCluster,
	translateInboundCluster,
	translatePassthroughCluster,
} from "./local-cluster.ts";
export { formatLocality, type Placement, resolvePlacement } from "./locality.ts";
export { createMeshIndex, isVisible, type MeshIndex } from "./mesh-index.ts";
export { extension, sdsClusterName } from "./messages.ts";
export { decideMutualTls, type MutualTlsDecision, resolveMutualTlsMode, takesMutualTls } from "./mutual-tls.ts";
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
export { describeAddressedServices, findAddressedServices } from "./outbound/addressed-services.ts";
export {
	outboundHttpFilters,
	routeConfiguredFilters,
	translateForwardProxy,
	translateOutboundListener,
	translateVirtualOutbound,
} from "./outbound/captured-listeners.ts";
export { translateAnyHostCluster } from "./outbound/dynamic-forward.ts";
export {
	type Egress,
	type EgressScope,
	findEgress,
	resolveEgressScope,
	type SeenService,
} from "./outbound/egress-scope.ts";
export { coversHost, findClosest } from "./outbound/host-match.ts";
export { type ListenerPlan, planListeners } from "./outbound/listener-plan.ts";
export { estimateScopeBytes, narrowToNeeded } from "./outbound/needed-services.ts";
export {
	describeOnDemand,
	type OnDemand,
	onDemandContext,
	onDemandEgressHeader,
	onDemandHeader,
	translateOnDemandClusters,
	translateOnDemandListeners,
} from "./outbound/on-demand.ts";
export { type ResolvedAuthority, resolveAuthority } from "./outbound/resolve-authority.ts";
export {
	translatePortRoutes,
	translateProxyRoutes,
	translateSinglePortRoutes,
} from "./outbound/route-configuration.ts";
export { resolveStreamTargets, type StreamTarget, streamFilters } from "./outbound/stream-filters.ts";
export {
	buildVirtualHosts,
	type HostRouteSource,
	type HostRoutes,
	hostsAtPort,
	listVirtualServices,
	routesOfService,
} from "./outbound/virtual-hosts.ts";
export { configPath, isInScope, translateVirtualService } from "./outbound/virtual-service-routes.ts";
export { translateHttpProxyListener, translateUpstreamListener } from "./outbound-listener.ts";
export { type ServiceRoutes, translateHttpProxyRoutes, translateServiceRoutes } from "./outbound-route.ts";
export { findTargetPort } from "./port.ts";
export { type MeshProblem, type ReportProblem, uniqueProblems } from "./problem.ts";
export {
	isUnusableCluster,
	readInboundListenerName,
	translateClientListener,
	translateClientRoutes,
	translateProxylessCluster,
	translateServerListener,
	translateUnusableCluster,
} from "./proxyless/index.ts";
export { hasGlobalLimit } from "./rate-limit/filters.ts";
export { countEnforcing, findEveryInboundLimit, policiesFor, policiesOnServices } from "./rate-limit/find.ts";
export { quotaDomain, quotaNodeHeader, readLimitFilterName } from "./rate-limit/names.ts";
export { type QuotaServer, translateQuotaCluster } from "./rate-limit/quota-cluster.ts";
export { fillOf } from "./rate-limit/token-bucket.ts";
export { findRequestAuthentications, jwtHttpFilters } from "./request-authentication/jwt-filter.ts";
export { translateKeySetClusters } from "./request-authentication/key-set-cluster.ts";
export { findDestination, type RouteContext, translateRule } from "./route-action.ts";
export type { RankedMatch } from "./route-match.ts";
export { usesSessions } from "./session-persistence.ts";
export { revokedPeersSecret } from "./tls.ts";
