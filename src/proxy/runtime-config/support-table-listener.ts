import type { MessageSupport } from "./support-table.ts";

/** Bootstrap, listeners, TLS, addresses, config sources. */
export const listenerSupport: Readonly<Record<string, MessageSupport>> = {
	"envoy.config.bootstrap.v3.Bootstrap": {
		works:
			"node static_resources dynamic_resources cluster_manager stats_config stats_flush_interval stats_flush_on_admin stats_sinks layered_runtime overload_manager admin default_config_source",
		ignored:
			"node_context_params watchdog watchdogs deferred_stat_options enable_dispatcher_stats flags_path stats_server_version_override application_log_config memory_allocator_manager perf_tracing_file_path fatal_actions grpc_async_client_manager_config inline_headers use_tcp_for_dns_lookups dns_resolution_config typed_dns_resolver_config bootstrap_extensions",
	},
	"envoy.config.bootstrap.v3.Bootstrap.StaticResources": { works: "listeners clusters secrets" },
	"envoy.config.bootstrap.v3.Bootstrap.DynamicResources": { works: "lds_config cds_config ads_config" },
	"envoy.config.bootstrap.v3.ClusterManager": {
		works: "local_cluster_name outlier_detection load_stats_config upstream_bind_config",
		ignored: "enable_deferred_cluster_creation",
	},
	"envoy.config.bootstrap.v3.ClusterManager.OutlierDetection": {
		works: "event_log_path",
		ignored: "event_service",
	},
	"envoy.config.metrics.v3.StatsSink": { works: "name typed_config" },
	"envoy.config.metrics.v3.StatsdSink": { works: "address tcp_cluster_name prefix" },
	"envoy.config.metrics.v3.DogStatsdSink": { works: "address prefix max_bytes_per_datagram" },
	"envoy.config.overload.v3.OverloadManager": { works: "refresh_interval resource_monitors actions loadshed_points" },
	"envoy.config.overload.v3.LoadShedPoint": { works: "name triggers" },
	"envoy.config.overload.v3.ResourceMonitor": { works: "name typed_config" },
	"envoy.config.overload.v3.OverloadAction": { works: "name triggers typed_config" },
	"envoy.config.overload.v3.ScaleTimersOverloadActionConfig": { works: "timer_scale_factors" },
	"envoy.config.overload.v3.ScaleTimersOverloadActionConfig.ScaleTimer": { works: "timer min_timeout min_scale" },
	"envoy.extensions.resource_monitors.cgroup_memory.v3.CgroupMemoryConfig": { works: "max_memory_bytes" },
	"envoy.extensions.resource_monitors.cpu_utilization.v3.CpuUtilizationConfig": { works: "mode" },
	"envoy.config.overload.v3.Trigger": { works: "name threshold scaled" },
	"envoy.config.overload.v3.ThresholdTrigger": { works: "value" },
	"envoy.config.overload.v3.ScaledTrigger": { works: "scaling_threshold saturation_threshold" },
	"envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig": { works: "max_heap_size_bytes" },
	"envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig": { works: "filename" },
	"envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig": {
		works: "max_active_downstream_connections",
	},
	"envoy.config.bootstrap.v3.LayeredRuntime": { works: "layers" },
	"envoy.config.bootstrap.v3.RuntimeLayer": { works: "name static_layer admin_layer disk_layer rtds_layer" },
	"envoy.config.bootstrap.v3.RuntimeLayer.DiskLayer": { works: "symlink_root subdirectory append_service_cluster" },
	"envoy.config.bootstrap.v3.RuntimeLayer.RtdsLayer": { works: "name rtds_config" },
	"envoy.service.runtime.v3.Runtime": { works: "name layer" },
	"envoy.config.bootstrap.v3.Admin": {
		works: "address allow_paths access_log access_log_path",
		ignored: "profile_path ignore_global_conn_limit",
	},
	"envoy.config.metrics.v3.StatsConfig": {
		works: "stats_tags use_all_default_tags allow_default_tag_overrides histogram_bucket_settings stats_matcher",
	},
	"envoy.config.metrics.v3.StatsMatcher": { works: "reject_all inclusion_list exclusion_list" },
	"envoy.config.metrics.v3.TagSpecifier": { works: "tag_name regex fixed_value" },
	"envoy.config.metrics.v3.HistogramBucketSettings": { works: "match buckets" },
	"envoy.config.core.v3.Node": {
		works:
			"id cluster metadata locality dynamic_parameters user_agent_name user_agent_version user_agent_build_version extensions client_features listening_addresses",
	},
	"xds.core.v3.ContextParams": { works: "params" },
	"envoy.config.core.v3.Locality": { works: "region zone sub_zone" },
	"envoy.config.core.v3.BuildVersion": { works: "version metadata" },
	"envoy.type.v3.SemanticVersion": { works: "major_number minor_number patch" },
	"envoy.config.core.v3.Extension": { works: "name category type_descriptor version disabled type_urls" },
	"envoy.config.core.v3.Address": { works: "socket_address pipe envoy_internal_address" },
	"envoy.config.core.v3.EnvoyInternalAddress": { works: "server_listener_name endpoint_id" },
	"envoy.config.core.v3.SocketAddress": { works: "protocol address port_value ipv4_compat" },
	"envoy.config.core.v3.Pipe": { works: "path mode" },
	"envoy.config.core.v3.CidrRange": { works: "address_prefix prefix_len" },
	"envoy.config.core.v3.Metadata": { works: "filter_metadata", ignored: "typed_filter_metadata" },
	"envoy.config.core.v3.DataSource": {
		works: "filename inline_bytes inline_string environment_variable watched_directory",
	},
	"envoy.config.core.v3.WatchedDirectory": { works: "path" },
	"envoy.config.core.v3.TypedExtensionConfig": { works: "name typed_config" },
	"envoy.config.core.v3.TransportSocket": { works: "name typed_config" },
	"envoy.config.core.v3.ConfigSource": {
		works: "path path_config_source api_config_source ads self initial_fetch_timeout resource_api_version",
		ignored: "authorities",
	},
	"envoy.config.core.v3.PathConfigSource": { works: "path watched_directory" },
	"envoy.config.core.v3.SelfConfigSource": { works: "transport_api_version" },
	"envoy.config.core.v3.ApiConfigSource": {
		works: "api_type transport_api_version grpc_services set_node_on_first_message_only",
		ignored: "request_timeout rate_limit_settings refresh_delay config_validators",
	},
	"envoy.config.core.v3.GrpcService": {
		works: "envoy_grpc google_grpc timeout initial_metadata",
		ignored: "retry_policy",
	},
	"envoy.config.core.v3.GrpcService.EnvoyGrpc": {
		works: "cluster_name authority max_receive_message_length skip_envoy_headers",
		ignored: "retry_policy",
	},
	"envoy.config.core.v3.GrpcService.GoogleGrpc": {
		works: "target_uri",
		ignored: "stat_prefix channel_args per_stream_buffer_limit_bytes",
	},
	"envoy.config.core.v3.HeaderValue": { works: "key value raw_value" },
	"envoy.config.core.v3.RuntimeFractionalPercent": { works: "default_value runtime_key" },
	"envoy.config.core.v3.RuntimeUInt32": { works: "default_value runtime_key" },
	"envoy.config.core.v3.RuntimeDouble": { works: "default_value runtime_key" },
	"envoy.type.v3.FractionalPercent": { works: "numerator denominator" },
	"envoy.type.v3.Percent": { works: "value" },
	"envoy.type.v3.Int64Range": { works: "start end" },
	"envoy.type.v3.Int32Range": { works: "start end" },
	"envoy.type.v3.DoubleRange": { works: "start end" },
	"envoy.type.v3.HttpStatus": { works: "code" },
	"envoy.config.listener.v3.Listener": {
		works:
			"name address internal_listener additional_addresses tcp_fast_open_queue_length ignore_global_conn_limit stat_prefix filter_chains filter_chain_matcher default_filter_chain per_connection_buffer_limit_bytes metadata deprecated_v1 listener_filters listener_filters_timeout continue_on_listener_filters_timeout traffic_direction tcp_backlog_size bind_to_port use_original_dst transparent freebind socket_options access_log tcp_keepalive drain_type enable_reuse_port",
		ignored:
			"reuse_port connection_balance_config max_connections_to_accept_per_socket_event bypass_overload_manager enable_mptcp",
	},
	"envoy.config.listener.v3.Listener.DeprecatedV1": { works: "bind_to_port" },
	"envoy.config.listener.v3.Listener.InternalListenerConfig": { works: "" },
	"envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport": {
		works: "passthrough_metadata transport_socket",
	},
	"envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport.MetadataValueSource": {
		works: "kind name",
	},
	"envoy.type.metadata.v3.MetadataKind": { works: "host cluster" },
	"envoy.config.listener.v3.AdditionalAddress": { works: "address socket_options" },
	"envoy.config.listener.v3.FilterChain": {
		works: "filter_chain_match filters metadata transport_socket transport_socket_connect_timeout name use_proxy_proto",
	},
	"envoy.config.listener.v3.FilterChainMatch": {
		works:
			"destination_port prefix_ranges server_names transport_protocol application_protocols direct_source_prefix_ranges source_type source_prefix_ranges source_ports",
	},
	"envoy.config.listener.v3.Filter": { works: "name typed_config config_discovery" },
	"envoy.config.listener.v3.ListenerFilter": { works: "name typed_config config_discovery filter_disabled" },
	"envoy.config.listener.v3.ListenerFilterChainMatchPredicate": {
		works: "or_match and_match not_match any_match destination_port_range",
	},
	"envoy.config.listener.v3.ListenerFilterChainMatchPredicate.MatchSet": { works: "rules" },
	"envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext": {
		works: "common_tls_context sni max_session_keys auto_host_sni auto_sni_san_validation",
		ignored: "enforce_rsa_key_usage allow_renegotiation",
	},
	"envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext": {
		works:
			"common_tls_context require_client_certificate require_sni session_timeout disable_stateless_session_resumption disable_stateful_session_resumption prefer_client_ciphers full_scan_certs_on_sni_mismatch session_ticket_keys session_ticket_keys_sds_secret_config",
		ignored: "ocsp_staple_policy",
	},
	"envoy.extensions.transport_sockets.tls.v3.CommonTlsContext": {
		works:
			"tls_params tls_certificates tls_certificate_sds_secret_configs validation_context validation_context_sds_secret_config combined_validation_context alpn_protocols",
	},
	"envoy.extensions.transport_sockets.tls.v3.CommonTlsContext.CombinedCertificateValidationContext": {
		works: "default_validation_context validation_context_sds_secret_config",
	},
	"envoy.extensions.transport_sockets.tls.v3.TlsParameters": {
		works: "tls_minimum_protocol_version tls_maximum_protocol_version cipher_suites ecdh_curves signature_algorithms",
	},
	"envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig": { works: "name sds_config" },
	"envoy.extensions.transport_sockets.tls.v3.TlsCertificate": {
		works: "certificate_chain private_key pkcs12 password watched_directory",
	},
	"envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext": {
		works:
			"trusted_ca system_root_certs watched_directory verify_certificate_spki verify_certificate_hash match_typed_subject_alt_names match_subject_alt_names crl allow_expired_certificate max_verify_depth only_verify_leaf_cert_crl trust_chain_verification custom_validator_config",
	},
	"envoy.extensions.transport_sockets.tls.v3.SubjectAltNameMatcher": { works: "san_type matcher" },
	"envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig": { works: "trust_domains" },
	"envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig.TrustDomain": { works: "name trust_bundle" },
	"envoy.extensions.transport_sockets.tls.v3.Secret": {
		works: "name tls_certificate session_ticket_keys validation_context generic_secret",
	},
	"envoy.extensions.transport_sockets.tls.v3.TlsSessionTicketKeys": { works: "keys" },
	"envoy.extensions.transport_sockets.tls.v3.GenericSecret": { works: "secret" },
	"envoy.config.accesslog.v3.AccessLog": { works: "name filter typed_config" },
	"envoy.config.accesslog.v3.AccessLogFilter": {
		works:
			"status_code_filter duration_filter not_health_check_filter traceable_filter runtime_filter and_filter or_filter header_filter response_flag_filter grpc_status_filter metadata_filter log_type_filter extension_filter",
	},
	"envoy.config.accesslog.v3.ExtensionFilter": { works: "name typed_config" },
	"envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter": { works: "expression" },
	"envoy.config.accesslog.v3.StatusCodeFilter": { works: "comparison" },
	"envoy.config.accesslog.v3.DurationFilter": { works: "comparison" },
	"envoy.config.accesslog.v3.ComparisonFilter": { works: "op value" },
	"envoy.config.accesslog.v3.RuntimeFilter": { works: "runtime_key percent_sampled use_independent_randomness" },
	"envoy.config.accesslog.v3.AndFilter": { works: "filters" },
	"envoy.config.accesslog.v3.OrFilter": { works: "filters" },
	"envoy.config.accesslog.v3.HeaderFilter": { works: "header" },
	"envoy.config.accesslog.v3.ResponseFlagFilter": { works: "flags" },
	"envoy.config.accesslog.v3.GrpcStatusFilter": { works: "statuses exclude" },
	"envoy.config.accesslog.v3.MetadataFilter": { works: "matcher match_if_key_not_found" },
	"envoy.config.accesslog.v3.LogTypeFilter": { works: "types exclude" },
	"envoy.extensions.access_loggers.file.v3.FileAccessLog": {
		works: "path format json_format typed_json_format log_format",
	},
	"envoy.extensions.access_loggers.stream.v3.StdoutAccessLog": { works: "log_format" },
	"envoy.extensions.access_loggers.stream.v3.StderrAccessLog": { works: "log_format" },
	"envoy.extensions.formatter.cel.v3.Cel": { works: "" },
	"envoy.extensions.formatter.metadata.v3.Metadata": { works: "" },
	"envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery": { works: "" },
	"envoy.config.core.v3.SubstitutionFormatString": {
		works: "text_format json_format text_format_source omit_empty_values content_type formatters",
		ignored: "json_format_options",
	},
};
