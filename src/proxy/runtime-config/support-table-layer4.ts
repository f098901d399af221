import type { MessageSupport } from "./support-table.ts";

/** Listener filters, network filters and transport sockets of layer 4. */
export const layer4Support: Readonly<Record<string, MessageSupport>> = {
	"envoy.config.core.v3.SocketOption": { works: "level name int_value buf_value state", ignored: "description" },
	"envoy.config.core.v3.SocketOptionsOverride": { works: "socket_options" },
	"envoy.config.core.v3.TcpKeepalive": { works: "keepalive_time keepalive_interval keepalive_probes" },
	"envoy.config.core.v3.RuntimeFeatureFlag": { works: "default_value runtime_key" },
	"envoy.config.core.v3.BackoffStrategy": { works: "base_interval max_interval" },
	"envoy.type.v3.TokenBucket": { works: "max_tokens tokens_per_fill fill_interval" },
	"envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector": {
		works:
			"close_connection_on_client_hello_parsing_errors max_client_hello_size enable_ja3_fingerprinting enable_ja4_fingerprinting",
		ignored: "initial_read_buffer_size",
	},
	"envoy.extensions.filters.listener.http_inspector.v3.HttpInspector": { works: "" },
	"envoy.extensions.filters.listener.original_dst.v3.OriginalDst": { works: "" },
	"envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol": {
		works: "rules allow_requests_without_proxy_protocol pass_through_tlvs disallowed_versions stat_prefix tlv_location",
	},
	"envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.Rule": { works: "tlv_type on_tlv_present" },
	"envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol.KeyValuePair": { works: "metadata_namespace key" },
	"envoy.extensions.filters.listener.local_ratelimit.v3.LocalRateLimit": {
		works: "stat_prefix token_bucket runtime_enabled",
	},
	"envoy.config.core.v3.ProxyProtocolPassThroughTLVs": { works: "match_type tlv_type" },
	"envoy.config.core.v3.ProxyProtocolConfig": { works: "version pass_through_tlvs added_tlvs" },
	"envoy.config.core.v3.TlvEntry": { works: "type value format_string" },
	"envoy.extensions.filters.network.direct_response.v3.Config": { works: "response" },
	"envoy.extensions.filters.network.echo.v3.Echo": { works: "" },
	"envoy.extensions.filters.network.ext_authz.v3.ExtAuthz": {
		works:
			"stat_prefix grpc_service failure_mode_allow include_peer_certificate transport_api_version filter_enabled_metadata bootstrap_metadata_labels_key include_tls_session metadata_context_namespaces",
	},
	"envoy.extensions.filters.network.ratelimit.v3.RateLimit": {
		works: "stat_prefix domain descriptors timeout failure_mode_deny rate_limit_service",
	},
	"envoy.extensions.common.ratelimit.v3.RateLimitDescriptor": {
		works: "entries",
		// The network filter, which alone takes the message, leaves both out.
		ignored: "limit hits_addend",
	},
	"envoy.extensions.filters.network.sni_cluster.v3.SniCluster": { works: "" },
	"envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig": {
		works: "dns_cache_config port_value",
	},
	"envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit": {
		works: "stat_prefix token_bucket runtime_enabled share_key",
	},
	"envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit": {
		works: "stat_prefix max_connections delay runtime_enabled",
	},
	"envoy.extensions.filters.network.set_filter_state.v3.Config": { works: "on_new_connection" },
	"envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue": {
		works: "object_key factory_key format_string read_only skip_if_empty",
		ignored: "shared_with_upstream",
	},
	"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy": {
		works:
			"stat_prefix cluster weighted_clusters metadata_match idle_timeout access_log max_connect_attempts hash_policy max_downstream_connection_duration max_downstream_connection_duration_jitter_percentage access_log_options access_log_flush_interval flush_access_log_on_connected tunneling_config backoff_options upstream_connect_mode max_early_data_bytes proxy_protocol_tlvs on_demand",
		// Envoy has them, and does nothing with them.
		ignored: "downstream_idle_timeout upstream_idle_timeout",
	},
	"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.OnDemand": { works: "odcds_config timeout" },
	"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster": { works: "clusters" },
	"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight": {
		works: "name weight metadata_match",
	},
	"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TcpAccessLogOptions": {
		works: "access_log_flush_interval flush_access_log_on_connected flush_access_log_on_start",
	},
	"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.TunnelingConfig": {
		works: "hostname use_post post_path headers_to_add propagate_response_headers propagate_response_trailers",
	},
	"envoy.type.v3.HashPolicy": { works: "source_ip filter_state" },
	"envoy.type.v3.HashPolicy.FilterState": { works: "key" },
	"envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer": { works: "" },
	"envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport": {
		works: "config transport_socket",
		ignored: "allow_unspecified_address",
	},
};
