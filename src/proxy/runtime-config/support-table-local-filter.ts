import type { MessageSupport } from "./support-table.ts";

const filters = "envoy.extensions.filters.http.";

/** HTTP filters that decide by themselves. */
export const localFilterSupport: Readonly<Record<string, MessageSupport>> = {
	[`${filters}buffer.v3.Buffer`]: { works: "max_request_bytes" },
	[`${filters}buffer.v3.BufferPerRoute`]: { works: "disabled buffer" },
	[`${filters}compressor.v3.Compressor`]: {
		works:
			"content_length content_type disable_on_etag_header remove_accept_encoding_header runtime_enabled compressor_library request_direction_config response_direction_config choose_first",
	},
	[`${filters}compressor.v3.Compressor.CommonDirectionConfig`]: {
		works: "enabled min_content_length content_type content_type_matcher",
	},
	[`${filters}compressor.v3.Compressor.RequestDirectionConfig`]: { works: "common_config" },
	[`${filters}compressor.v3.Compressor.ResponseDirectionConfig`]: {
		works:
			"common_config disable_on_etag_header weaken_etag_on_compress remove_accept_encoding_header uncompressible_response_codes status_header_enabled",
	},
	[`${filters}compressor.v3.CompressorPerRoute`]: { works: "disabled overrides" },
	[`${filters}compressor.v3.CompressorOverrides`]: { works: "response_direction_config compressor_library" },
	[`${filters}compressor.v3.ResponseDirectionOverrides`]: { works: "remove_accept_encoding_header" },
	[`${filters}decompressor.v3.Decompressor`]: {
		works: "decompressor_library request_direction_config response_direction_config",
	},
	[`${filters}decompressor.v3.Decompressor.CommonDirectionConfig`]: { works: "enabled ignore_no_transform_header" },
	[`${filters}decompressor.v3.Decompressor.RequestDirectionConfig`]: {
		works: "common_config advertise_accept_encoding",
	},
	[`${filters}decompressor.v3.Decompressor.ResponseDirectionConfig`]: { works: "common_config" },
	"envoy.config.core.v3.RuntimeFeatureFlag": { works: "default_value runtime_key" },
	"envoy.extensions.compression.gzip.compressor.v3.Gzip": {
		works: "memory_level compression_level compression_strategy window_bits",
		ignored: "chunk_size",
	},
	"envoy.extensions.compression.brotli.compressor.v3.Brotli": {
		works: "quality encoder_mode window_bits input_block_bits disable_literal_context_modeling",
		ignored: "chunk_size",
	},
	"envoy.extensions.compression.zstd.compressor.v3.Zstd": {
		works: "compression_level enable_checksum strategy",
		ignored: "chunk_size",
	},
	"envoy.extensions.compression.gzip.decompressor.v3.Gzip": {
		works: "window_bits max_inflate_ratio",
		ignored: "chunk_size",
	},
	"envoy.extensions.compression.brotli.decompressor.v3.Brotli": {
		works: "",
		ignored: "chunk_size disable_ring_buffer_reallocation",
	},
	"envoy.extensions.compression.zstd.decompressor.v3.Zstd": { works: "", ignored: "chunk_size" },
	[`${filters}grpc_http1_bridge.v3.Config`]: { works: "upgrade_protobuf_to_grpc ignore_query_parameters" },
	[`${filters}grpc_http1_reverse_bridge.v3.FilterConfig`]: {
		works: "content_type withhold_grpc_frames response_size_header",
	},
	[`${filters}grpc_http1_reverse_bridge.v3.FilterConfigPerRoute`]: { works: "disabled" },
	[`${filters}grpc_stats.v3.FilterConfig`]: {
		works:
			"emit_filter_state individual_method_stats_allowlist stats_for_all_methods enable_upstream_stats replace_dots_in_grpc_service_name",
	},
	"envoy.config.core.v3.GrpcMethodList": { works: "services" },
	"envoy.config.core.v3.GrpcMethodList.Service": { works: "name method_names" },
	[`${filters}grpc_web.v3.GrpcWeb`]: { works: "" },
	"istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig": { works: "alpn_override" },
	"istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig.AlpnOverride": {
		works: "upstream_protocol alpn_override",
	},
	"io.istio.http.peer_metadata.Config": {
		works: "downstream_discovery upstream_discovery downstream_propagation upstream_propagation",
		ignored: "shared_with_upstream additional_labels",
	},
	"io.istio.http.peer_metadata.Config.DiscoveryMethod": {
		works: "istio_headers",
		ignored: "baggage workload_discovery",
	},
	"io.istio.http.peer_metadata.Config.PropagationMethod": { works: "istio_headers" },
	"io.istio.http.peer_metadata.Config.IstioHeaders": { works: "skip_external_clusters" },
	"envoy.tcp.metadataexchange.config.MetadataExchange": {
		works: "protocol",
		ignored: "enable_discovery additional_labels",
	},
	[`${filters}on_demand.v3.OnDemand`]: { works: "odcds" },
	[`${filters}on_demand.v3.OnDemandCds`]: { works: "source timeout" },
	[`${filters}on_demand.v3.PerRouteConfig`]: { works: "odcds" },
	[`${filters}admission_control.v3.AdmissionControl`]: {
		works: "enabled success_criteria sampling_window aggression sr_threshold rps_threshold max_rejection_probability",
	},
	[`${filters}admission_control.v3.AdmissionControl.SuccessCriteria`]: { works: "http_criteria grpc_criteria" },
	[`${filters}admission_control.v3.AdmissionControl.SuccessCriteria.HttpCriteria`]: { works: "http_success_status" },
	[`${filters}admission_control.v3.AdmissionControl.SuccessCriteria.GrpcCriteria`]: { works: "grpc_success_status" },
	"envoy.config.core.v3.RuntimePercent": { works: "default_value runtime_key" },
	[`${filters}api_key_auth.v3.ApiKeyAuth`]: { works: "credentials key_sources forwarding" },
	[`${filters}api_key_auth.v3.ApiKeyAuthPerRoute`]: { works: "credentials key_sources allowed_clients forwarding" },
	[`${filters}api_key_auth.v3.Credential`]: { works: "key client" },
	[`${filters}api_key_auth.v3.KeySource`]: { works: "header query cookie" },
	[`${filters}api_key_auth.v3.Forwarding`]: { works: "header hide_credentials" },
	[`${filters}credential_injector.v3.CredentialInjector`]: {
		works: "overwrite allow_request_without_credential credential",
	},
	"envoy.extensions.http.injected_credentials.generic.v3.Generic": { works: "credential header header_value_prefix" },
	[`${filters}custom_response.v3.CustomResponse`]: { works: "custom_response_matcher" },
	"envoy.extensions.http.custom_response.local_response_policy.v3.LocalResponsePolicy": {
		works: "body body_format status_code response_headers_to_add preserve_response_code_details response_code_details",
	},
	"envoy.type.matcher.v3.HttpResponseStatusCodeMatchInput": { works: "" },
	"envoy.type.matcher.v3.HttpResponseStatusCodeClassMatchInput": { works: "" },
	"envoy.type.matcher.v3.HttpResponseLocalReplyMatchInput": { works: "" },
	[`${filters}basic_auth.v3.BasicAuth`]: { works: "users forward_username_header authentication_header" },
	[`${filters}basic_auth.v3.BasicAuthPerRoute`]: { works: "users" },
	[`${filters}csrf.v3.CsrfPolicy`]: { works: "filter_enabled shadow_enabled additional_origins" },
	[`${filters}header_mutation.v3.HeaderMutation`]: { works: "mutations most_specific_header_mutations_wins" },
	[`${filters}header_mutation.v3.HeaderMutationPerRoute`]: { works: "mutations" },
	[`${filters}header_mutation.v3.Mutations`]: {
		works:
			"request_mutations query_parameter_mutations response_mutations request_trailers_mutations response_trailers_mutations",
	},
	"envoy.config.common.mutation_rules.v3.HeaderMutation": { works: "remove append remove_on_match" },
	"envoy.config.common.mutation_rules.v3.HeaderMutation.RemoveOnMatch": { works: "key_matcher" },
	"envoy.config.core.v3.KeyValueMutation": { works: "append remove" },
	"envoy.config.core.v3.KeyValueAppend": { works: "record action" },
	"envoy.config.core.v3.KeyValuePair": { works: "key value" },
	[`${filters}header_to_metadata.v3.Config`]: { works: "request_rules response_rules stat_prefix" },
	[`${filters}header_to_metadata.v3.Config.Rule`]: {
		works: "header cookie on_header_present on_header_missing remove",
	},
	[`${filters}header_to_metadata.v3.Config.KeyValuePair`]: {
		works: "metadata_namespace key value regex_value_rewrite type encode",
	},
	[`${filters}json_to_metadata.v3.JsonToMetadata`]: { works: "request_rules response_rules" },
	[`${filters}json_to_metadata.v3.JsonToMetadata.MatchRules`]: {
		works: "rules allow_content_types allow_empty_content_type allow_content_types_regex",
	},
	[`${filters}json_to_metadata.v3.JsonToMetadata.Rule`]: { works: "selectors on_present on_missing on_error" },
	[`${filters}json_to_metadata.v3.JsonToMetadata.Selector`]: { works: "key" },
	[`${filters}json_to_metadata.v3.JsonToMetadata.KeyValuePair`]: {
		works: "metadata_namespace key value type preserve_existing_metadata_value",
	},
	[`${filters}cdn_loop.v3.CdnLoopConfig`]: { works: "cdn_id max_allowed_occurrences" },
	[`${filters}ip_tagging.v3.IPTagging`]: { works: "request_type ip_tags ip_tag_header" },
	[`${filters}ip_tagging.v3.IPTagging.IPTag`]: { works: "ip_tag_name ip_list" },
	[`${filters}ip_tagging.v3.IPTagging.IpTagHeader`]: { works: "header action" },
	[`${filters}bandwidth_limit.v3.BandwidthLimit`]: {
		works:
			"stat_prefix enable_mode limit_kbps fill_interval runtime_enabled enable_response_trailers response_trailer_prefix",
	},
	[`${filters}health_check.v3.HealthCheck`]: {
		works: "pass_through_mode cache_time cluster_min_healthy_percentages headers",
	},
	[`${filters}local_ratelimit.v3.LocalRateLimit`]: {
		works:
			"stat_prefix status token_bucket filter_enabled filter_enforced request_headers_to_add_when_not_enforced response_headers_to_add descriptors stage local_rate_limit_per_downstream_connection enable_x_ratelimit_headers vh_rate_limits always_consume_default_token_bucket rate_limited_as_resource_exhausted rate_limits max_dynamic_descriptors enable_retry_after_header",
	},
	"envoy.type.v3.HttpStatus": { works: "code" },
	"envoy.type.v3.TokenBucket": { works: "max_tokens tokens_per_fill fill_interval" },
	"envoy.extensions.common.ratelimit.v3.LocalRateLimitDescriptor": { works: "entries token_bucket shadow_mode" },
	"envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.Entry": { works: "key value" },
	"envoy.config.route.v3.RateLimit": {
		works: "stage disable_key actions limit hits_addend apply_on_stream_done x_ratelimit_option",
	},
	"envoy.config.route.v3.RateLimit.Action": {
		works:
			"source_cluster destination_cluster request_headers query_parameters remote_address generic_key header_value_match metadata masked_remote_address query_parameter_value_match remote_address_match",
	},
	"envoy.config.route.v3.RateLimit.Action.SourceCluster": { works: "" },
	"envoy.config.route.v3.RateLimit.Action.DestinationCluster": { works: "" },
	"envoy.config.route.v3.RateLimit.Action.RequestHeaders": { works: "header_name descriptor_key skip_if_absent" },
	"envoy.config.route.v3.RateLimit.Action.QueryParameters": {
		works: "query_parameter_name descriptor_key skip_if_absent",
	},
	"envoy.config.route.v3.RateLimit.Action.RemoteAddress": { works: "" },
	"envoy.config.route.v3.RateLimit.Action.MaskedRemoteAddress": { works: "v4_prefix_mask_len v6_prefix_mask_len" },
	"envoy.config.route.v3.RateLimit.Action.RemoteAddressMatch": {
		works: "descriptor_value descriptor_key default_value address_matcher",
	},
	"envoy.type.matcher.v3.AddressMatcher": { works: "ranges invert_match" },
	"envoy.config.route.v3.RateLimit.Action.GenericKey": { works: "descriptor_value default_value descriptor_key" },
	"envoy.config.route.v3.RateLimit.Action.HeaderValueMatch": {
		works: "descriptor_value default_value descriptor_key expect_match headers",
	},
	"envoy.config.route.v3.RateLimit.Action.QueryParameterValueMatch": {
		works: "descriptor_value default_value descriptor_key expect_match query_parameters",
	},
	"envoy.config.route.v3.RateLimit.Action.MetaData": {
		works: "descriptor_key metadata_key default_value source skip_if_absent",
	},
	"envoy.config.route.v3.RateLimit.Override": { works: "dynamic_metadata" },
	"envoy.config.route.v3.RateLimit.Override.DynamicMetadata": { works: "metadata_key" },
	"envoy.config.route.v3.RateLimit.HitsAddend": { works: "number format" },
	"envoy.type.metadata.v3.MetadataKey": { works: "key path" },
	"envoy.type.metadata.v3.MetadataKey.PathSegment": { works: "key" },
	[`${filters}set_filter_state.v3.Config`]: { works: "on_request_headers clear_route_cache" },
	"envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue": {
		works: "object_key factory_key format_string skip_if_empty",
		ignored: "read_only shared_with_upstream",
	},
	[`${filters}set_metadata.v3.Config`]: { works: "metadata_namespace value metadata" },
	[`${filters}set_metadata.v3.Metadata`]: { works: "metadata_namespace allow_overwrite value" },
	[`${filters}stateful_session.v3.StatefulSession`]: {
		works: "session_state strict stat_prefix status_on_strict_destination_not_found",
	},
	[`${filters}stateful_session.v3.StatefulSessionPerRoute`]: { works: "disabled stateful_session" },
	"envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState": { works: "cookie" },
	"envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState": { works: "name" },
	"envoy.extensions.http.stateful_session.envelope.v3.EnvelopeSessionState": { works: "header" },
	"envoy.extensions.http.stateful_session.envelope.v3.EnvelopeSessionState.Header": { works: "name" },
	"envoy.type.http.v3.Cookie": { works: "name ttl path attributes" },
	"envoy.type.http.v3.CookieAttribute": { works: "name value" },
};
