import type { MessageSupport } from "./support-table.ts";

/** Clusters and endpoints. */
export const clusterSupport: Readonly<Record<string, MessageSupport>> = {
	"envoy.config.cluster.v3.Cluster": {
		works:
			"transport_socket_matches name alt_stat_name type cluster_type eds_cluster_config connect_timeout per_connection_buffer_limit_bytes lb_policy load_assignment health_checks max_requests_per_connection circuit_breakers upstream_http_protocol_options common_http_protocol_options http_protocol_options http2_protocol_options typed_extension_protocol_options dns_refresh_rate dns_failure_refresh_rate respect_dns_ttl dns_jitter dns_lookup_family outlier_detection cleanup_interval upstream_bind_config lb_subset_config ring_hash_lb_config maglev_lb_config original_dst_lb_config least_request_lb_config round_robin_lb_config common_lb_config transport_socket metadata upstream_connection_options close_connections_on_host_health_failure ignore_health_on_host_removal load_balancing_policy protocol_selection connection_pool_per_downstream_connection preconnect_policy track_cluster_stats track_timeout_budgets typed_dns_resolver_config wait_for_warm_on_init filters",
		ignored: "dns_resolvers use_tcp_for_dns_lookups dns_resolution_config lrs_server lrs_report_endpoint_metrics",
	},
	// Istio's metadata exchange alone, which is not spoken.
	"envoy.config.cluster.v3.Filter": { works: "name typed_config" },
	"envoy.config.cluster.v3.Cluster.PreconnectPolicy": {
		works: "per_upstream_preconnect_ratio",
		ignored: "predictive_preconnect_ratio",
	},
	"envoy.config.cluster.v3.Cluster.TransportSocketMatch": { works: "name match transport_socket" },
	"envoy.config.cluster.v3.Cluster.CustomClusterType": { works: "name typed_config" },
	"envoy.extensions.clusters.aggregate.v3.ClusterConfig": { works: "clusters" },
	"envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig": {
		works: "dns_cache_config allow_insecure_cluster_options",
		ignored: "allow_coalesced_connections",
	},
	"envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheConfig": {
		works:
			"name dns_lookup_family dns_refresh_rate dns_min_refresh_rate host_ttl max_hosts dns_failure_refresh_rate dns_cache_circuit_breaker preresolve_hostnames dns_query_timeout typed_dns_resolver_config",
		ignored: "use_tcp_for_dns_lookups dns_resolution_config",
	},
	"envoy.extensions.common.dynamic_forward_proxy.v3.DnsCacheCircuitBreakers": { works: "max_pending_requests" },
	"envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig": {
		works: "dns_cache_config save_upstream_address",
	},
	"envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig": {
		works: "host_rewrite_literal host_rewrite_header",
	},
	"envoy.extensions.clusters.dns.v3.DnsCluster": {
		works:
			"dns_refresh_rate dns_failure_refresh_rate respect_dns_ttl dns_jitter dns_min_refresh_rate dns_lookup_family all_addresses_in_single_endpoint typed_dns_resolver_config",
	},
	"envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig": {
		works: "resolvers",
		ignored:
			"dns_resolver_options use_resolvers_as_fallback filter_unroutable_families udp_max_queries query_timeout_seconds query_tries rotate_nameservers edns0_max_payload_size max_udp_channel_duration reinit_channel_on_timeout",
	},
	"envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig": { works: "" },
	"envoy.extensions.clusters.dns.v3.DnsCluster.RefreshRate": { works: "base_interval max_interval" },
	"envoy.config.cluster.v3.Cluster.EdsClusterConfig": { works: "eds_config service_name" },
	"envoy.config.cluster.v3.TrackClusterStats": {
		works: "per_endpoint_stats timeout_budgets request_response_sizes",
	},
	"envoy.config.cluster.v3.Cluster.RefreshRate": { works: "base_interval max_interval" },
	"envoy.config.cluster.v3.Cluster.LbSubsetConfig": {
		works:
			"fallback_policy default_subset subset_selectors locality_weight_aware scale_locality_weight panic_mode_any list_as_any metadata_fallback_policy",
	},
	"envoy.config.cluster.v3.Cluster.LbSubsetConfig.LbSubsetSelector": {
		works: "keys single_host_per_subset fallback_policy fallback_keys_subset",
	},
	"envoy.config.cluster.v3.Cluster.RingHashLbConfig": { works: "minimum_ring_size hash_function maximum_ring_size" },
	"envoy.config.cluster.v3.Cluster.MaglevLbConfig": { works: "table_size" },
	"envoy.config.cluster.v3.Cluster.OriginalDstLbConfig": {
		works: "use_http_header http_header_name upstream_port_override",
	},
	"envoy.config.cluster.v3.Cluster.LeastRequestLbConfig": {
		works: "choice_count active_request_bias slow_start_config",
	},
	"envoy.config.cluster.v3.Cluster.RoundRobinLbConfig": { works: "slow_start_config" },
	"envoy.config.cluster.v3.Cluster.SlowStartConfig": { works: "slow_start_window aggression min_weight_percent" },
	"envoy.config.cluster.v3.Cluster.CommonLbConfig": {
		works:
			"healthy_panic_threshold zone_aware_lb_config locality_weighted_lb_config ignore_new_hosts_until_first_hc close_connections_on_host_set_change update_merge_window consistent_hashing_lb_config",
		ignored: "override_host_status",
	},
	"envoy.config.cluster.v3.Cluster.CommonLbConfig.ZoneAwareLbConfig": {
		works: "routing_enabled min_cluster_size fail_traffic_on_panic",
	},
	"envoy.config.cluster.v3.Cluster.CommonLbConfig.ConsistentHashingLbConfig": {
		works: "use_hostname_for_hashing hash_balance_factor",
	},
	"envoy.config.cluster.v3.UpstreamConnectionOptions": {
		works: "tcp_keepalive happy_eyeballs_config",
		ignored: "set_local_interface_name_on_upstream_connections",
	},
	"envoy.config.cluster.v3.UpstreamConnectionOptions.HappyEyeballsConfig": {
		works: "first_address_family_version first_address_family_count",
	},
	"envoy.config.core.v3.TcpKeepalive": { works: "keepalive_time", ignored: "keepalive_probes keepalive_interval" },
	"envoy.config.core.v3.BindConfig": {
		works: "source_address extra_source_addresses additional_source_addresses",
		ignored: "freebind socket_options",
	},
	"envoy.config.core.v3.ExtraSourceAddress": { works: "address", ignored: "socket_options" },
	"envoy.config.core.v3.UpstreamHttpProtocolOptions": {
		works: "auto_sni override_auto_sni_header auto_san_validation",
	},
	"envoy.config.cluster.v3.LoadBalancingPolicy": { works: "policies" },
	"envoy.config.cluster.v3.LoadBalancingPolicy.Policy": { works: "typed_extension_config" },
	"envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest": {
		works: "choice_count active_request_bias slow_start_config locality_lb_config enable_full_scan selection_method",
	},
	"envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin": {
		works: "slow_start_config locality_lb_config",
	},
	"envoy.extensions.load_balancing_policies.random.v3.Random": { works: "locality_lb_config" },
	"envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash": {
		works:
			"hash_function minimum_ring_size maximum_ring_size use_hostname_for_hashing hash_balance_factor consistent_hashing_lb_config locality_weighted_lb_config",
	},
	"envoy.extensions.load_balancing_policies.maglev.v3.Maglev": {
		works: "table_size consistent_hashing_lb_config locality_weighted_lb_config",
	},
	"envoy.extensions.load_balancing_policies.subset.v3.Subset": {
		works:
			"fallback_policy default_subset subset_selectors allow_redundant_keys locality_weight_aware scale_locality_weight panic_mode_any list_as_any metadata_fallback_policy subset_lb_policy",
	},
	"envoy.extensions.load_balancing_policies.subset.v3.Subset.LbSubsetSelector": {
		works: "keys single_host_per_subset fallback_policy fallback_keys_subset",
	},
	"envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost": {
		works: "override_host_sources fallback_policy",
	},
	"envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost.OverrideHostSource": {
		works: "header metadata",
	},
	"envoy.type.metadata.v3.MetadataKey": { works: "key path" },
	"envoy.type.metadata.v3.MetadataKey.PathSegment": { works: "key" },
	"envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin": {
		works:
			"blackout_period weight_expiration_period error_utilization_penalty metric_names_for_computing_utilization slow_start_config",
		ignored: "weight_update_period",
	},
	"envoy.extensions.load_balancing_policies.cluster_provided.v3.ClusterProvided": { works: "" },
	"amime.load_balancing_policies.peak_ewma.v1.PeakEwma": { works: "decay_time default_rtt" },
	"envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality": { works: "endpoint_picking_policy" },
	"envoy.extensions.load_balancing_policies.common.v3.SlowStartConfig": {
		works: "slow_start_window aggression min_weight_percent",
	},
	"envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig": {
		works: "zone_aware_lb_config locality_weighted_lb_config",
	},
	"envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig.ForceLocalZone": {
		works: "min_size",
	},
	"envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig": {
		works: "routing_enabled min_cluster_size fail_traffic_on_panic force_locality_direct_routing force_local_zone",
	},
	"envoy.extensions.load_balancing_policies.common.v3.ConsistentHashingLbConfig": {
		works: "use_hostname_for_hashing hash_balance_factor hash_policy",
	},
	"envoy.config.cluster.v3.CircuitBreakers": { works: "thresholds per_host_thresholds" },
	"envoy.config.cluster.v3.CircuitBreakers.Thresholds": {
		works:
			"priority max_connections max_pending_requests max_requests max_retries retry_budget track_remaining max_connection_pools",
	},
	"envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget": { works: "budget_percent min_retry_concurrency" },
	"envoy.config.cluster.v3.OutlierDetection": {
		works:
			"consecutive_5xx interval base_ejection_time max_ejection_percent enforcing_consecutive_5xx enforcing_success_rate success_rate_minimum_hosts success_rate_request_volume success_rate_stdev_factor consecutive_gateway_failure enforcing_consecutive_gateway_failure split_external_local_origin_errors consecutive_local_origin_failure enforcing_consecutive_local_origin_failure enforcing_local_origin_success_rate failure_percentage_threshold enforcing_failure_percentage enforcing_failure_percentage_local_origin failure_percentage_minimum_hosts failure_percentage_request_volume max_ejection_time max_ejection_time_jitter successful_active_health_check_uneject_host always_eject_one_host",
	},
	"envoy.config.core.v3.HealthCheck": {
		works:
			"name timeout interval initial_jitter interval_jitter interval_jitter_percent unhealthy_threshold healthy_threshold reuse_connection http_health_check tcp_health_check grpc_health_check no_traffic_interval no_traffic_healthy_interval unhealthy_interval unhealthy_edge_interval healthy_edge_interval tls_options transport_socket_match_criteria event_log_path event_logger always_log_health_check_failures always_log_health_check_success",
		ignored: "alt_port event_service",
	},
	"envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink": { works: "event_log_path" },
	"envoy.config.core.v3.HealthCheck.HttpHealthCheck": {
		works:
			"host path send receive request_headers_to_add request_headers_to_remove expected_statuses retriable_statuses codec_client_type service_name_matcher method",
		ignored: "response_buffer_size",
	},
	"envoy.config.core.v3.HealthCheck.TcpHealthCheck": { works: "send receive proxy_protocol_config" },
	"envoy.config.core.v3.HealthCheck.GrpcHealthCheck": { works: "service_name authority initial_metadata" },
	"envoy.config.core.v3.HealthCheck.Payload": { works: "text binary" },
	"envoy.config.core.v3.HealthCheck.TlsOptions": { works: "alpn_protocols" },
	"envoy.extensions.upstreams.tcp.v3.TcpProtocolOptions": { works: "", ignored: "idle_timeout" },
	"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
		works:
			"common_http_protocol_options upstream_http_protocol_options explicit_http_config use_downstream_protocol_config auto_config retry_policy hash_policy request_mirror_policies http_filters",
	},
	"envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig": {
		works: "http_protocol_options http2_protocol_options",
	},
	"envoy.extensions.upstreams.http.v3.HttpProtocolOptions.UseDownstreamHttpConfig": {
		works: "http_protocol_options http2_protocol_options",
		ignored: "http3_protocol_options",
	},
	"envoy.extensions.upstreams.http.v3.HttpProtocolOptions.AutoHttpConfig": {
		works: "http_protocol_options http2_protocol_options",
	},
	"envoy.config.endpoint.v3.ClusterLoadAssignment": { works: "cluster_name endpoints policy" },
	"envoy.config.endpoint.v3.ClusterLoadAssignment.Policy": {
		works: "drop_overloads overprovisioning_factor endpoint_stale_after weighted_priority_health",
	},
	"envoy.config.endpoint.v3.ClusterLoadAssignment.Policy.DropOverload": { works: "category drop_percentage" },
	"envoy.config.endpoint.v3.LocalityLbEndpoints": {
		works: "locality metadata lb_endpoints load_balancer_endpoints load_balancing_weight priority",
		ignored: "proximity",
	},
	"envoy.config.endpoint.v3.LocalityLbEndpoints.LbEndpointList": { works: "lb_endpoints" },
	"envoy.config.endpoint.v3.LbEndpoint": { works: "endpoint health_status metadata load_balancing_weight" },
	"envoy.config.endpoint.v3.Endpoint": {
		works: "address additional_addresses health_check_config hostname",
	},
	"envoy.config.endpoint.v3.Endpoint.AdditionalAddress": { works: "address" },
	"envoy.config.endpoint.v3.Endpoint.HealthCheckConfig": {
		works: "address port_value hostname disable_active_health_check",
	},
};
