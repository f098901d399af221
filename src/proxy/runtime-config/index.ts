/** xDS messages to what runs: frozen, defaulted, validated types, with every problem at its field path.
 *  Not the fetching of the messages (config-source) and not what is built from the types (listener, cluster). */
export type {
	AccessLogConfig,
	GrpcAccessLogSink,
	LogServiceConfig,
	OpenTelemetryAccessLogSink,
	OtlpEntry,
	OtlpExporter,
	OtlpTemplate,
} from "./access-log-config.ts";
export type { AdmissionControlConfig, RuntimeNumber } from "./admission-control.ts";
export type { ApiKeyAuthConfig, ApiKeySource } from "./api-key-auth.ts";
export type { BandwidthLimitConfig } from "./bandwidth-limit.ts";
export type { BasicAuthConfig, BasicAuthUsers } from "./basic-auth.ts";
export type { BootstrapConfig, RuntimeLayer } from "./bootstrap-config.ts";
export type { BufferConfig } from "./buffer.ts";
export type { CallOutFilterConfig, CallOutOverride } from "./call-out-filter-config.ts";
export type { CdnLoopConfig } from "./cdn-loop.ts";
export { ticketKeyBytes } from "./check-tls.ts";
export type {
	AssignmentConfig,
	ClusterConfig,
	ClusterDiscovery,
	DnsConfig,
	EndpointConfig,
	HappyEyeballsConfig,
	HealthCheckConfig,
	LocalityConfig,
	LocalityName,
	StatusRange,
	TcpKeepalive,
	TransportSocketMatch,
	UpstreamHttpConfig,
} from "./cluster-config.ts";
export type {
	CompressionDirection,
	CompressionLibrary,
	CompressorConfig,
	CompressorOverride,
	DecompressorConfig,
	FeatureFlag,
} from "./compression.ts";
export type { ApiConfigSourceConfig, ConfigSourceConfig, GrpcServiceConfig } from "./config-source-config.ts";
export type { CredentialInjectorConfig } from "./credential-injector.ts";
export type { CsrfConfig } from "./csrf.ts";
export type { CustomResponseConfig, ResponsePolicy } from "./custom-response.ts";
export type { CustomTagConfig } from "./custom-tags.ts";
export type { DnsCacheConfig, DynamicForwardRoute } from "./dynamic-forward-proxy.ts";
export type {
	AuthorizationBody,
	AuthorizationService,
	ExtAuthzConfig,
	ExtAuthzRouteConfig,
	HttpAuthorization,
} from "./ext-authz-config.ts";
export {
	type DirectionMode,
	type ExtProcConfig,
	type ExtProcRouteConfig,
	type ProcessingMode,
	type ProcessorAttribute,
	type ProcessorMetadata,
	readMode,
} from "./ext-proc.ts";
export type { ExtensionConfig } from "./extension.ts";
export type { GrpcHttp1BridgeConfig, GrpcReverseBridgeConfig } from "./grpc-bridge.ts";
export type { GrpcStatsConfig } from "./grpc-stats.ts";
export type {
	HeaderMutationConfig,
	MutationsConfig,
	QueryMutationStep,
} from "./header-mutation.ts";
export type { HeaderRule, HeaderToMetadataConfig, MetadataEntryRule } from "./header-to-metadata.ts";
export type { HealthCheckFilterConfig } from "./health-check-filter.ts";
export type {
	CommonHttpConfig,
	HttpConnectionManagerConfig,
	InternalAddressConfig,
	OriginalIpDetection,
	UpgradeConfig,
} from "./http-connection-manager-config.ts";
export type {
	CorsPolicy,
	HttpFilterConfig,
	HttpFilterOverride,
	IstioMetricChange,
	IstioStatsConfig,
	RouterFilterConfig,
} from "./http-filter-config.ts";
export type { Http1Config, Http2Config } from "./http-protocol-config.ts";
export type { IpTaggingConfig } from "./ip-tagging.ts";
export type { AlpnOverrides } from "./istio-alpn.ts";
export type { JsonEntryRule, JsonRules, JsonToMetadataConfig } from "./json-to-metadata.ts";
export type {
	JwtAuthnConfig,
	JwtKeySource,
	JwtProvider,
	JwtRequirement,
	JwtRouteConfig,
} from "./jwt-authn-config.ts";
export type {
	AddressConfig,
	ConnectionLimitConfig,
	ConnectionPredicate,
	ConnectionRateLimitConfig,
	FilterChainConfig,
	FilterChainMatch,
	FilterStateValueConfig,
	InternalAddress,
	ListenerConfig,
	ListenerFilterConfig,
	NetworkFilterConfig,
	NetworkRbacConfig,
	ProxyProtocolConfig,
	RuntimeFlag,
	SocketOptionConfig,
	TokenBucketConfig,
	TypedNetworkFilterConfig,
} from "./listener-config.ts";
export { countReplacedChains, differsInChainsOnly } from "./listener-difference.ts";
export type { LocalRateLimitConfig } from "./local-rate-limit.ts";
export type { FilterMatcher, MatchedAction, MatchedFilterConfig } from "./matched-filter.ts";
export type { NetworkExtAuthzConfig, NetworkRateLimitConfig } from "./network-call-outs.ts";
export { isTerminalFilter } from "./network-filters.ts";
export type { OnDemandConfig } from "./on-demand.ts";
export type {
	OverloadActionName,
	OverloadConfig,
	OverloadTrigger,
	ResourceMonitorConfig,
	ScaledTimerConfig,
	ScaledTimerKind,
	ShedPointName,
} from "./overload-config.ts";
export type { PeerBoundsConfig } from "./peer-bounds-config.ts";
export type { PeerMetadataConfig } from "./peer-metadata.ts";
export type { RateLimitFilterConfig, RateLimitRouteConfig } from "./rate-limit-filter.ts";
export { type QuotaBucketSettings, type RateLimitQuotaConfig, readQuotaStrategy } from "./rate-limit-quota.ts";
export { identifyServer, plainName, qualifyName, showPlainly } from "./resource-name.ts";
export type { RouteScopeConfig, ScopedRoutesConfig } from "./route-scopes.ts";
export type { TranslateOptions } from "./scope.ts";
export type { FilterStateEntry } from "./set-filter-state.ts";
export type { SetMetadataConfig } from "./set-metadata.ts";
export type { SessionStateConfig, StatefulSessionConfig } from "./stateful-session.ts";
export type { StatsdSinkConfig } from "./stats-sinks.ts";
export { type MessageSupport, supportOf, supportTable } from "./support-table.ts";
export type { TapConfig, TapFilterConfig, TapFormat } from "./tap.ts";
export type { TcpProxyConfig, TcpTunnelConfig } from "./tcp-proxy-config.ts";
export type {
	CommonTlsConfig,
	DataSourceConfig,
	DownstreamTlsConfig,
	DownstreamTransportSocket,
	ProxyProtocolOutConfig,
	SecretConfig,
	SubjectAltNameMatcher,
	TicketKeysSource,
	TlsCertificateConfig,
	TlsCertificateSource,
	TlsVersion,
	UpstreamTlsConfig,
	UpstreamTransportSocket,
	ValidationContextConfig,
	ValidationSource,
} from "./tls-config.ts";
export type { OpenTelemetryProvider, SamplerConfig, TracingConfig, ZipkinProvider } from "./tracing.ts";
export {
	checkPackedRules,
	translateAssignment,
	translateBootstrap,
	translateCluster,
	translateExtension,
	translateListener,
	translateRouteConfiguration,
	translateRouteScope,
	translateSecret,
	translateTapRequest,
} from "./translate.ts";
