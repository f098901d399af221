/** Istio's standard metrics (`istio_requests_total`, …) with exactly Istio's labels for both reporters, and the exchange of peer
 *  metadata by headers that the labels need. Not Envoy's own statistics (proxy/stats). Spec: Istio "Standard metrics". */
export {
	createIstioMetrics,
	type HttpSeries,
	type IstioMetrics,
	type IstioMetricsOptions,
	type TcpSeries,
} from "./istio-metrics.ts";
export {
	createIstioStatsFilter,
	type IstioStatsFilter,
	type IstioStatsFilterOptions,
	type IstioStatsStream,
	type MessageHead,
	metadataHeader,
	metadataIdHeader,
	type PeerState,
	takePeer,
} from "./istio-stats-filter.ts";
export { createIstioTcpConnection, type IstioTcpConnection, prepareTcpChanges } from "./istio-tcp-stats.ts";
export { httpLabelNames, type Reporter, tcpLabelNames } from "./labels.ts";
