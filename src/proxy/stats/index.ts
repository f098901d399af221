/** The catalogue of the proxy's statistics, with Envoy's exact names as property names: one function per group, which makes the
 *  whole zero-initialised set that Envoy shows and returns objects of counters for the hot path (`stats.downstream_rq_total.value++`).
 *  Not what they are kept in or printed by (telemetry). Listed in docs/reference/metrics.md. */
export {
	countForCluster,
	createExtAuthzStats,
	createExtProcStats,
	createJwtAuthnStats,
	type ExtAuthzStats,
	type ExtProcStats,
	type JwtAuthnStats,
} from "./call-out-stats.ts";
export {
	type CheckedGauges,
	type CircuitBreakerStats,
	type ClusterResponseStats,
	type ClusterStats,
	createBalancerStats,
	createCheckedGauges,
	createCircuitBreakerStats,
	createClusterStats,
	createDnsCacheStats,
	createEndpointHealth,
	createEndpointStats,
	createHashTableGauges,
	createHealthCheckStats,
	createOutlierDetectionStats,
	createRemainingStats,
	createUpstreamStats,
	createVirtualClusterStats,
	type DnsCacheStats,
	type HealthCheckStats,
	type OutlierDetectionStats,
	type RemainingStats,
	type UpstreamStats,
	type VirtualClusterStats,
} from "./cluster-stats.ts";
export {
	type CompressorResponseStats,
	type CompressorStats,
	type CorsStats,
	type CsrfStats,
	createCompressorResponseStats,
	createCompressorStats,
	createCorsStats,
	createCsrfStats,
	createDecompressorStats,
	createFaultSourceStats,
	createFaultStats,
	createHeaderToMetadataStats,
	createHealthCheckFilterStats,
	createLocalRateLimitStats,
	createRbacStats,
	createSetMetadataStats,
	createStatefulSessionStats,
	type DecompressorStats,
	type FaultSourceStats,
	type FaultStats,
	type HeaderToMetadataStats,
	type HealthCheckFilterStats,
	type LocalRateLimitStats,
	type RbacStats,
	type SetMetadataStats,
	type StatefulSessionStats,
} from "./filter-stats.ts";
export {
	createHttp1CodecStats,
	createHttp2CodecStats,
	type Http1CodecStats,
	type Http2CodecStats,
} from "./http-codec-stats.ts";
export {
	createDownstreamHttpStats,
	createHttpConnectionManagerStats,
	createListenerHttpStats,
	createRouterStats,
	createTracingStats,
	type DownstreamHttpStats,
	type HttpConnectionManagerStats,
	type ListenerHttpStats,
	type RouterStats,
	type TracingStats,
} from "./http-connection-manager-stats.ts";
export { countHttp2Fault } from "./http2-faults.ts";
export {
	type ConnectionLimitStats,
	type ConnectionRateLimitStats,
	createConnectionLimitStats,
	createConnectionRateLimitStats,
	createHttpInspectorStats,
	createProxyProtocolStats,
	type HttpInspectorStats,
	type ProxyProtocolStats,
} from "./layer4-stats.ts";
export {
	createListenerConnectionStats,
	createListenerStats,
	createListenerWorkerStats,
	createTlsInspectorStats,
	type ListenerConnectionStats,
	type ListenerStats,
	type ListenerWorkerStats,
	type TlsInspectorStats,
} from "./listener-stats.ts";
export { createOverloadActionStats, createOverloadStats, createResourceStats } from "./overload-stats.ts";
export {
	createResponseCodeStats,
	type ResponseCodeStats,
} from "./response-code-stats.ts";
export {
	type ClusterManagerStats,
	type ControlPlaneStats,
	createClusterManagerStats,
	createControlPlaneStats,
	createDnsStats,
	createFilesystemStats,
	createListenerManagerStats,
	createRuntimeStats,
	createServerStats,
	createWatchdogStats,
	type DnsStats,
	type FilesystemStats,
	type ListenerManagerStats,
	type RuntimeStats,
	type ServerStats,
	type WatchdogStats,
} from "./server-stats.ts";
export {
	createEndpointSubscriptionStats,
	createReloadStats,
	createRouteSubscriptionStats,
	createSecretSubscriptionStats,
	createSubscriptionStats,
	type EmptyStats,
	type ReloadStats,
	type SubscriptionStats,
} from "./subscription-stats.ts";
export {
	createTcpProxyStats,
	type TcpProxyStats,
} from "./tcp-proxy-stats.ts";
export {
	createHandshakeStats,
	createSocketFactoryStats,
	createTlsStats,
	type HandshakeStats,
	type SocketFactoryStats,
	type TlsStats,
} from "./tls-stats.ts";
