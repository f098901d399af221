import type { MessageSupport } from "./support-table.ts";

/** Routes, matchers and the HTTP connection manager. */
export const routeSupport: Readonly<Record<string, MessageSupport>> = {
	"envoy.config.route.v3.RouteConfiguration": {
		works:
			"name virtual_hosts response_headers_to_add response_headers_to_remove request_headers_to_add request_headers_to_remove most_specific_header_mutations_wins validate_clusters max_direct_response_body_size_bytes request_mirror_policies ignore_port_in_host_matching ignore_path_parameters_in_path_matching typed_per_filter_config metadata vhost_header internal_only_headers",
	},
	"envoy.config.route.v3.VirtualHost": {
		works:
			"name domains routes require_tls request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove typed_per_filter_config include_request_attempt_count include_attempt_count_in_response retry_policy hedge_policy per_request_buffer_limit_bytes request_body_buffer_limit request_mirror_policies metadata virtual_clusters rate_limits",
	},
	"envoy.config.route.v3.VirtualCluster": { works: "headers name" },
	"envoy.config.route.v3.Route": {
		works:
			"name match route redirect direct_response non_forwarding_action metadata typed_per_filter_config request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove per_request_buffer_limit_bytes request_body_buffer_limit stat_prefix",
		ignored: "tracing decorator",
	},
	"envoy.config.route.v3.RouteMatch": {
		works:
			"prefix path safe_regex connect_matcher path_separated_prefix case_sensitive runtime_fraction headers query_parameters grpc tls_context dynamic_metadata cookies filter_state path_match_policy",
	},
	"envoy.config.route.v3.RouteMatch.TlsContextMatchOptions": { works: "presented validated" },
	"envoy.config.route.v3.HeaderMatcher": {
		works:
			"name exact_match safe_regex_match range_match present_match prefix_match suffix_match contains_match string_match invert_match treat_missing_header_as_empty",
	},
	"envoy.config.route.v3.QueryParameterMatcher": { works: "name string_match present_match" },
	"envoy.config.route.v3.RouteAction": {
		works:
			"path_rewrite path_rewrite_policy host_rewrite cluster cluster_header weighted_clusters cluster_not_found_response_code metadata_match prefix_rewrite regex_rewrite host_rewrite_literal auto_host_rewrite host_rewrite_header host_rewrite_path_regex append_x_forwarded_host timeout idle_timeout retry_policy request_mirror_policies priority hash_policy max_grpc_timeout grpc_timeout_offset upgrade_configs internal_redirect_policy hedge_policy max_stream_duration rate_limits include_vh_rate_limits",
		ignored: "early_data_policy flush_timeout",
	},
	"envoy.config.route.v3.WeightedCluster": {
		works: "clusters runtime_key_prefix header_name use_hash_policy",
		ignored: "total_weight",
	},
	"envoy.config.route.v3.WeightedCluster.ClusterWeight": {
		works:
			"name cluster_header weight metadata_match request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove typed_per_filter_config host_rewrite_literal",
	},
	"envoy.config.route.v3.RetryPolicy": {
		works:
			"retry_on num_retries per_try_timeout per_try_idle_timeout retry_priority retry_host_predicate host_selection_retry_max_attempts retriable_status_codes retry_back_off rate_limited_retry_back_off retriable_headers retriable_request_headers",
	},
	"envoy.config.route.v3.RetryPolicy.RetryPriority": { works: "name typed_config" },
	"envoy.config.route.v3.RetryPolicy.RetryHostPredicate": { works: "name typed_config" },
	"envoy.config.route.v3.RetryPolicy.RetryBackOff": { works: "base_interval max_interval" },
	"envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff": { works: "reset_headers max_interval" },
	"envoy.config.route.v3.RetryPolicy.ResetHeader": { works: "name format" },
	"envoy.config.route.v3.RouteAction.RequestMirrorPolicy": {
		works:
			"cluster cluster_header runtime_fraction trace_sampled disable_shadow_host_suffix_append host_rewrite_literal request_headers_mutations",
	},
	"envoy.config.route.v3.RouteAction.HashPolicy": {
		works: "header cookie connection_properties query_parameter filter_state terminal",
	},
	"envoy.config.route.v3.RouteAction.HashPolicy.Header": { works: "header_name regex_rewrite" },
	"envoy.config.route.v3.RouteAction.HashPolicy.Cookie": { works: "name ttl path attributes" },
	"envoy.config.route.v3.RouteAction.HashPolicy.CookieAttribute": { works: "name value" },
	"envoy.config.route.v3.RouteAction.HashPolicy.ConnectionProperties": { works: "source_ip" },
	"envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter": { works: "name" },
	"envoy.config.route.v3.RouteAction.HashPolicy.FilterState": { works: "key" },
	"envoy.config.route.v3.RouteAction.UpgradeConfig": { works: "upgrade_type enabled connect_config" },
	"envoy.config.route.v3.RouteAction.UpgradeConfig.ConnectConfig": { works: "" },
	"envoy.config.route.v3.RouteAction.MaxStreamDuration": {
		works: "max_stream_duration grpc_timeout_header_max grpc_timeout_header_offset",
	},
	"envoy.config.route.v3.InternalRedirectPolicy": {
		works:
			"max_internal_redirects redirect_response_codes predicates allow_cross_scheme_redirect response_headers_to_copy",
	},
	"envoy.config.route.v3.HedgePolicy": {
		works: "hedge_on_per_try_timeout",
		ignored: "initial_requests additional_request_chance",
	},
	"envoy.config.route.v3.RedirectAction": {
		works:
			"https_redirect scheme_redirect host_redirect port_redirect path_redirect prefix_rewrite regex_rewrite path_rewrite response_code strip_query",
	},
	"envoy.config.route.v3.DirectResponseAction": { works: "status body body_format" },
	"envoy.config.route.v3.CookieMatcher": { works: "name string_match invert_match" },
	"envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig": { works: "path_template" },
	"envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig": { works: "path_template_rewrite" },
	"envoy.config.route.v3.FilterConfig": { works: "config is_optional disabled" },
	"envoy.config.core.v3.HeaderValueOption": { works: "header append append_action keep_empty_value" },
	"envoy.type.matcher.v3.RegexMatcher": { works: "regex", ignored: "google_re2" },
	"envoy.type.matcher.v3.RegexMatcher.GoogleRE2": { works: "", ignored: "max_program_size" },
	"envoy.type.matcher.v3.RegexMatchAndSubstitute": { works: "pattern substitution" },
	"envoy.type.matcher.v3.StringMatcher": { works: "exact prefix suffix safe_regex contains ignore_case" },
	"envoy.type.matcher.v3.ListStringMatcher": { works: "patterns" },
	"envoy.type.matcher.v3.PathMatcher": { works: "path" },
	"envoy.type.matcher.v3.MetadataMatcher": { works: "filter path value invert" },
	"envoy.type.matcher.v3.MetadataMatcher.PathSegment": { works: "key" },
	"envoy.type.matcher.v3.ValueMatcher": {
		works: "null_match double_match string_match bool_match present_match list_match or_match",
	},
	"envoy.type.matcher.v3.DoubleMatcher": { works: "range exact" },
	"envoy.type.matcher.v3.ListMatcher": { works: "one_of" },
	"envoy.type.matcher.v3.OrMatcher": { works: "value_matchers" },
	"envoy.type.matcher.v3.FilterStateMatcher": { works: "key string_match" },
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager": {
		works:
			"codec_type stat_prefix rds route_config scoped_routes http_filters early_header_mutation_extensions stream_error_on_invalid_http_message scheme_header_transformation add_user_agent common_http_protocol_options http_protocol_options http2_protocol_options server_name server_header_transformation max_request_headers_kb stream_idle_timeout request_timeout request_headers_timeout drain_timeout delayed_close_timeout access_log use_remote_address xff_num_trusted_hops original_ip_detection_extensions internal_address_config skip_xff_append access_log_options access_log_flush_interval flush_access_log_on_new_request via generate_request_id preserve_external_request_id always_set_request_id_in_response forward_client_cert_details set_current_client_cert_details proxy_100_continue upgrade_configs normalize_path merge_slashes path_with_escaped_slashes_action request_id_extension local_reply_config strip_matching_host_port strip_any_host_port strip_trailing_host_dot append_x_forwarded_port tracing",
		ignored: "http3_protocol_options add_proxy_protocol_connection_state append_local_overload",
	},
	"envoy.config.core.v3.SchemeHeaderTransformation": { works: "scheme_to_overwrite match_upstream" },
	"envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation": { works: "mutations" },
	"envoy.extensions.filters.network.http_connection_manager.v3.Rds": { works: "config_source route_config_name" },
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter": {
		works: "name typed_config config_discovery is_optional disabled",
	},
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing": {
		works:
			"client_sampling random_sampling overall_sampling verbose max_path_tag_length custom_tags provider spawn_upstream_span",
	},
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.InternalAddressConfig": {
		works: "unix_sockets cidr_ranges",
	},
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.SetCurrentClientCertDetails": {
		works: "subject cert chain dns uri",
	},
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig": {
		works: "upgrade_type filters enabled",
	},
	"envoy.extensions.filters.network.http_connection_manager.v3.RequestIDExtension": { works: "typed_config" },
	"envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig": {
		works: "use_request_id_for_trace_sampling pack_trace_reason",
	},
	"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.HcmAccessLogOptions": {
		works: "access_log_flush_interval flush_access_log_on_new_request",
		ignored: "flush_log_on_tunnel_successfully_established",
	},
	"envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig": { works: "mappers body_format" },
	"envoy.extensions.filters.network.http_connection_manager.v3.ResponseMapper": {
		works: "filter status_code body body_format_override headers_to_add",
	},
	"envoy.extensions.http.original_ip_detection.xff.v3.XffConfig": {
		works: "xff_num_trusted_hops xff_trusted_cidrs skip_xff_append",
	},
	"envoy.extensions.http.original_ip_detection.xff.v3.XffTrustedCidrs": { works: "cidrs" },
	"envoy.extensions.http.original_ip_detection.custom_header.v3.CustomHeaderConfig": {
		works: "header_name allow_extension_to_set_address_as_trusted reject_with_status",
	},
	"envoy.config.core.v3.HttpProtocolOptions": {
		works:
			"idle_timeout max_connection_duration max_headers_count max_stream_duration headers_with_underscores_action max_requests_per_connection",
	},
	"envoy.config.core.v3.Http1ProtocolOptions": {
		works:
			"allow_absolute_url accept_http_10 default_host_for_http_10 header_key_format enable_trailers allow_chunked_length override_stream_error_on_invalid_http_message",
		ignored: "use_balsa_parser",
	},
	"envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat": { works: "proper_case_words stateful_formatter" },
	"envoy.config.core.v3.Http2ProtocolOptions": {
		works:
			"hpack_table_size max_concurrent_streams initial_stream_window_size initial_connection_window_size allow_connect max_outbound_frames max_outbound_control_frames max_consecutive_inbound_frames_with_empty_payload max_inbound_priority_frames_per_stream max_inbound_window_update_frames_per_data_frame_sent stream_error_on_invalid_http_messaging override_stream_error_on_invalid_http_message connection_keepalive",
		ignored: "use_oghttp2_codec",
	},
	"envoy.config.core.v3.KeepaliveSettings": {
		works: "interval timeout connection_idle_interval",
		ignored: "interval_jitter",
	},
};
