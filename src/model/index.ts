/** The nouns of the mesh, immutable: service, workload, instance, route, policy, identity.
 *  Neither parses documents (config) nor speaks xDS (control). Field meanings: Gateway API v1, Istio networking and security v1. */
export type { ConfigMap, Secret } from "./certificate.ts";
export type {
	ClientTls,
	ConnectionPoolSettings,
	ConsistentHash,
	DestinationRule,
	LoadBalancer,
	LoadBalancerPolicy,
	LocalitySettings,
	OutlierDetection,
	PortTrafficPolicy,
	Subset,
	TcpKeepalive,
	TrafficPolicy,
	Tunnel,
	Warmup,
} from "./destination-rule.ts";
export type {
	ClusterPatchMatch,
	EnvoyFilter,
	EnvoyPatch,
	ListenerPatchMatch,
	PatchContext,
	PatchOperation,
	PatchPlace,
	RoutePatchMatch,
} from "./envoy-filter.ts";
export type {
	AllowedNamespaces,
	AllowedRoutes,
	ClientValidation,
	Gateway,
	GatewayAddress,
	GatewayClass,
	GatewayListener,
	GatewayProxy,
	GatewayServer,
	IstioGateway,
	LabelExpression,
	LabelSelector,
	ListenerSet,
	ListenerTls,
	ServerTls,
	ServerTlsMode,
	TlsVersion,
} from "./gateway.ts";
export {
	controllerName,
	findController,
	gatewayNameLabel,
	isFoundByLabel,
	listGatewayHosts,
	listStaticAddresses,
} from "./gateway-controller.ts";
export type { BackendReference, BackendTlsPolicy, HttpRoute, StreamRoute } from "./gateway-route.ts";
export {
	type GatewayPort,
	type InstanceHealth,
	type InstancePort,
	isHttpProtocol,
	type Locality,
	mayBeHttp,
	type Pattern,
	type PortProtocol,
	type UpstreamListener,
	type WorkloadInstance,
} from "./instance.ts";
export type { ClusterNode, EndpointSlice, Namespace, Pod, PodTemplate, SliceEndpoint } from "./kubernetes.ts";
export { readLocalityLabel } from "./locality-label.ts";
export {
	type AccessLogSettings,
	defaultRootNamespace,
	type ExtensionProvider,
	type GatewayTopology,
	type Mesh,
	type MeshSettings,
	type PathNormalization,
} from "./mesh.ts";
export { formatObjectName, type Labels, matchesLabels, type ObjectName } from "./names.ts";
export type {
	AuthorizationAction,
	AuthorizationCondition,
	AuthorizationOperation,
	AuthorizationPolicy,
	AuthorizationRule,
	AuthorizationSource,
	JwtRule,
	MutualTlsMode,
	PeerAuthentication,
	PolicyTarget,
	RequestAuthentication,
	TokenLocation,
	ValueMatch,
} from "./policy.ts";
export { comparesHttp } from "./policy.ts";
export {
	formatLimitName,
	type RateLimit,
	type RateLimitKey,
	type RateLimitMatch,
	type RateLimitPolicy,
	type RateLimitTarget,
} from "./rate-limit.ts";
export {
	isGatewayParent,
	isListenerSetParent,
	isServiceEntryParent,
	isServiceParent,
	type ObjectReference,
	type ParentReference,
	type ReferenceGrant,
} from "./reference.ts";
export {
	type AttestedAgent,
	findAgentEntries,
	matchesSelectors,
	type RegistrationEntry,
} from "./registration-entry.ts";
export type {
	BackendRef,
	ClaimMatch,
	Cors,
	Destination,
	DirectResponse,
	ExternalAuth,
	Fault,
	FilterActions,
	HeaderFilter,
	MatchScope,
	Mirror,
	NamedMatch,
	PathMatch,
	PathRewrite,
	Percent,
	Redirect,
	RouteMatch,
	RouteRetry,
	RouteRule,
	SessionPersistence,
	StreamMatch,
	StreamRule,
	StringMatch,
	VirtualService,
} from "./route.ts";
export {
	formatServiceHost,
	type Resolution,
	type Service,
	type ServiceEndpoint,
	type ServicePort,
} from "./service.ts";
export type { ServiceEntry, WorkloadEndpoint, WorkloadEntry, WorkloadGroup, WorkloadProbe } from "./service-entry.ts";
export type {
	HostSelector,
	OutboundTrafficMode,
	ProxyConfig,
	Sidecar,
	SidecarEgress,
	SidecarIngress,
	SidecarListener,
	SidecarPort,
} from "./sidecar.ts";
export type { Source } from "./source.ts";
export {
	formatSpiffeId,
	isSpiffeId,
	parseSpiffeId,
	type SpiffeId,
	splitSpiffeId,
	type WorkloadIdentity,
} from "./spiffe-id.ts";
export {
	type AccessLoggingSettings,
	type IstioMetricName,
	istioMetricNames,
	type LabelOverride,
	type MetricsSettings,
	type SpanTag,
	type Telemetry,
	type TelemetryMode,
	type TracingSettings,
} from "./telemetry.ts";
export type { ReadinessProbe, Workload, WorkloadPort } from "./workload.ts";
