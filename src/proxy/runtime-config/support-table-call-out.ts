import type { MessageSupport } from "./support-table.ts";

/** HTTP filters that ask somebody else: keys of token issuers, authorization, rate limit and processing services. */
export const callOutSupport: Readonly<Record<string, MessageSupport>> = {
	"envoy.config.core.v3.HttpUri": { works: "uri cluster timeout" },
	"envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication": {
		works:
			"providers rules filter_state_rules bypass_cors_preflight requirement_map strip_failure_response stat_prefix",
	},
	"envoy.extensions.filters.http.jwt_authn.v3.JwtProvider": {
		works:
			"issuer audiences subjects require_expiration max_lifetime remote_jwks local_jwks forward from_headers from_params from_cookies forward_payload_header pad_forward_payload_header payload_in_metadata normalize_payload_in_metadata header_in_metadata failed_status_in_metadata clock_skew_seconds jwt_cache_config claim_to_headers clear_route_cache",
	},
	"envoy.extensions.filters.http.jwt_authn.v3.JwtProvider.NormalizePayload": { works: "space_delimited_claims" },
	"envoy.extensions.filters.http.jwt_authn.v3.JwtCacheConfig": { works: "jwt_cache_size jwt_max_token_size" },
	"envoy.extensions.filters.http.jwt_authn.v3.RemoteJwks": {
		works: "http_uri cache_duration async_fetch retry_policy",
	},
	"envoy.extensions.filters.http.jwt_authn.v3.JwksAsyncFetch": { works: "fast_listener failed_refetch_duration" },
	"envoy.extensions.filters.http.jwt_authn.v3.JwtHeader": { works: "name value_prefix" },
	"envoy.extensions.filters.http.jwt_authn.v3.JwtClaimToHeader": { works: "header_name claim_name claim_path" },
	"envoy.extensions.filters.http.jwt_authn.v3.JwtClaimToHeader.PathSegment": { works: "key" },
	"envoy.extensions.filters.http.jwt_authn.v3.ProviderWithAudiences": { works: "provider_name audiences" },
	"envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement": {
		works:
			"provider_name provider_and_audiences requires_any requires_all allow_missing_or_failed allow_missing extract_only_without_validation",
	},
	"envoy.extensions.filters.http.jwt_authn.v3.JwtRequirementOrList": { works: "requirements" },
	"envoy.extensions.filters.http.jwt_authn.v3.JwtRequirementAndList": { works: "requirements" },
	"envoy.extensions.filters.http.jwt_authn.v3.RequirementRule": { works: "match requires requirement_name" },
	"envoy.extensions.filters.http.jwt_authn.v3.FilterStateRule": { works: "name requires" },
	"envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig": { works: "disabled requirement_name" },
	"envoy.extensions.filters.http.ext_authz.v3.ExtAuthz": {
		works:
			"grpc_service http_service transport_api_version failure_mode_allow failure_mode_allow_header_add with_request_body clear_route_cache status_on_error validate_mutations metadata_context_namespaces route_metadata_context_namespaces filter_enabled filter_enabled_metadata deny_at_disable include_peer_certificate stat_prefix allowed_headers disallowed_headers include_tls_session charge_cluster_response_stats decoder_header_mutation_rules enable_dynamic_metadata_ingestion max_denied_response_body_bytes encode_raw_headers enforce_response_header_limits shadow_mode bootstrap_metadata_labels_key",
		ignored: "emit_client_span emit_filter_state_stats filter_metadata",
	},
	"envoy.extensions.filters.http.ext_authz.v3.BufferSettings": {
		works: "max_request_bytes allow_partial_message pack_as_bytes",
	},
	"envoy.extensions.filters.http.ext_authz.v3.HttpService": {
		works: "server_uri path_prefix path_override authorization_request authorization_response retry_policy",
	},
	"envoy.extensions.filters.http.ext_authz.v3.AuthorizationRequest": { works: "allowed_headers headers_to_add" },
	"envoy.extensions.filters.http.ext_authz.v3.AuthorizationResponse": {
		works:
			"allowed_upstream_headers allowed_upstream_headers_to_append allowed_client_headers allowed_client_headers_on_success dynamic_metadata_from_headers",
	},
	"envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute": { works: "disabled check_settings" },
	"envoy.extensions.filters.http.ext_authz.v3.CheckSettings": {
		works: "context_extensions disable_request_body_buffering with_request_body grpc_service http_service",
		ignored: "emit_client_span",
	},
	"envoy.config.common.mutation_rules.v3.HeaderMutationRules": {
		works:
			"allow_all_routing allow_envoy disallow_system disallow_all allow_expression disallow_expression disallow_is_error",
	},
	"envoy.type.matcher.v3.ListStringMatcher": { works: "patterns" },
	"envoy.type.v3.HttpStatus": { works: "code" },
	"envoy.extensions.filters.http.ratelimit.v3.RateLimit": {
		works:
			"domain stage request_type timeout failure_mode_deny rate_limited_as_resource_exhausted rate_limit_service enable_x_ratelimit_headers disable_x_envoy_ratelimited_header rate_limited_status response_headers_to_add status_on_error stat_prefix filter_enabled filter_enforced failure_mode_deny_percent rate_limits metadata_namespace enable_retry_after_header",
	},
	"envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute": {
		works: "vh_rate_limits override_option rate_limits domain",
	},
	"envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaFilterConfig": {
		works: "rlqs_server domain bucket_matchers",
		ignored: "filter_enabled filter_enforced request_headers_to_add_when_not_enforced",
	},
	"envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaBucketSettings": {
		works:
			"bucket_id_builder reporting_interval deny_response_settings no_assignment_behavior expired_assignment_behavior",
	},
	"envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaBucketSettings.NoAssignmentBehavior": {
		works: "fallback_rate_limit",
	},
	"envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaBucketSettings.ExpiredAssignmentBehavior": {
		works: "expired_assignment_behavior_timeout fallback_rate_limit reuse_last_assignment",
	},
	"envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaBucketSettings.ExpiredAssignmentBehavior.ReuseLastAssignment":
		{ works: "" },
	"envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaBucketSettings.DenyResponseSettings": {
		works: "http_status http_body grpc_status response_headers_to_add",
	},
	"envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaBucketSettings.BucketIdBuilder": {
		works: "bucket_id_builder",
	},
	"envoy.extensions.filters.http.rate_limit_quota.v3.RateLimitQuotaBucketSettings.BucketIdBuilder.ValueBuilder": {
		works: "string_value custom_value",
	},
	"envoy.type.v3.RateLimitStrategy": { works: "blanket_rule token_bucket" },
	"google.rpc.Status": { works: "code message" },
	"envoy.extensions.matching.common_inputs.network.v3.FilterStateInput": { works: "key" },
	"envoy.config.ratelimit.v3.RateLimitServiceConfig": { works: "grpc_service transport_api_version" },
	"envoy.extensions.filters.http.ext_proc.v3.ExternalProcessor": {
		works:
			"grpc_service failure_mode_allow processing_mode message_timeout stat_prefix mutation_rules max_message_timeout forward_rules allow_mode_override disable_immediate_response metadata_options disable_clear_route_cache route_cache_action status_on_error allow_content_length_header request_attributes response_attributes allowed_override_modes observability_mode deferred_close_timeout",
		ignored: "filter_metadata emit_client_span",
	},
	"envoy.extensions.filters.http.ext_proc.v3.ProcessingMode": {
		works:
			"request_header_mode response_header_mode request_body_mode response_body_mode request_trailer_mode response_trailer_mode",
	},
	"envoy.extensions.filters.http.ext_proc.v3.HeaderForwardingRules": { works: "allowed_headers disallowed_headers" },
	"envoy.extensions.filters.http.ext_proc.v3.MetadataOptions": {
		works: "forwarding_namespaces receiving_namespaces",
	},
	"envoy.extensions.filters.http.ext_proc.v3.MetadataOptions.MetadataNamespaces": { works: "untyped" },
	"envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute": { works: "disabled overrides" },
	"envoy.extensions.filters.http.ext_proc.v3.ExtProcOverrides": {
		works: "processing_mode grpc_service metadata_options grpc_initial_metadata failure_mode_allow",
		// Envoy does nothing with these two lists on routes.
		ignored: "emit_client_span request_attributes response_attributes",
	},
	"xds.type.matcher.v3.Matcher": { works: "matcher_list matcher_tree on_no_match" },
	"xds.type.matcher.v3.Matcher.OnMatch": { works: "matcher action" },
	"xds.type.matcher.v3.Matcher.MatcherList": { works: "matchers" },
	"xds.type.matcher.v3.Matcher.MatcherList.Predicate": { works: "single_predicate or_matcher and_matcher not_matcher" },
	"xds.type.matcher.v3.Matcher.MatcherList.Predicate.SinglePredicate": { works: "input value_match custom_match" },
	"xds.type.matcher.v3.Matcher.MatcherList.Predicate.PredicateList": { works: "predicate" },
	"xds.type.matcher.v3.Matcher.MatcherList.FieldMatcher": { works: "predicate on_match" },
	"xds.type.matcher.v3.Matcher.MatcherTree": { works: "input exact_match_map prefix_match_map custom_match" },
	"xds.type.matcher.v3.Matcher.MatcherTree.MatchMap": { works: "map" },
	"xds.type.matcher.v3.StringMatcher": { works: "exact prefix suffix safe_regex contains ignore_case" },
	"xds.type.matcher.v3.RegexMatcher": { works: "google_re2 regex" },
	"xds.type.matcher.v3.RegexMatcher.GoogleRE2": { works: "" },
	"xds.core.v3.TypedExtensionConfig": { works: "name typed_config" },
	"envoy.config.rbac.v3.Action": { works: "name action" },
	"envoy.type.matcher.v3.HttpRequestHeaderMatchInput": { works: "header_name" },
	"envoy.extensions.matching.common_inputs.network.v3.SourceIPInput": { works: "" },
	"envoy.extensions.matching.common_inputs.network.v3.SourcePortInput": { works: "" },
	"envoy.extensions.matching.common_inputs.network.v3.DirectSourceIPInput": { works: "" },
	"envoy.extensions.matching.common_inputs.network.v3.DestinationIPInput": { works: "" },
	"envoy.extensions.matching.common_inputs.network.v3.DestinationPortInput": { works: "" },
	"envoy.extensions.matching.common_inputs.network.v3.ServerNameInput": { works: "" },
	"envoy.extensions.matching.common_inputs.network.v3.SourceTypeInput": { works: "" },
	"envoy.extensions.matching.common_inputs.network.v3.TransportProtocolInput": { works: "" },
	"envoy.extensions.matching.common_inputs.network.v3.ApplicationProtocolInput": { works: "" },
	"xds.type.matcher.v3.ServerNameMatcher": { works: "domain_matchers" },
	"xds.type.matcher.v3.ServerNameMatcher.DomainMatcher": { works: "domains on_match" },
	"xds.type.matcher.v3.IPMatcher": { works: "range_matchers" },
	"xds.type.matcher.v3.IPMatcher.IPRangeMatcher": { works: "ranges on_match", ignored: "exclusive" },
	"xds.core.v3.CidrRange": { works: "address_prefix prefix_len" },
	"google.protobuf.StringValue": { works: "value" },
	"envoy.config.core.v3.RuntimeFeatureFlag": { works: "default_value runtime_key" },
	"envoy.config.core.v3.BackoffStrategy": { works: "base_interval max_interval" },
	"envoy.config.core.v3.RetryPolicy": { works: "retry_back_off num_retries retry_on" },
};
