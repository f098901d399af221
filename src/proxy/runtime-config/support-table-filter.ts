import type { MessageSupport } from "./support-table.ts";

/** HTTP and network filters, and the extensions of the router. */
export const filterSupport: Readonly<Record<string, MessageSupport>> = {
	"envoy.extensions.filters.http.router.v3.Router": {
		works:
			"suppress_envoy_headers respect_expected_rq_timeout dynamic_stats strict_check_headers upstream_log upstream_log_options upstream_http_filters",
		ignored: "start_child_span suppress_grpc_request_failure_code_stats",
	},
	"envoy.extensions.filters.http.router.v3.Router.UpstreamAccessLogOptions": {
		works: "flush_upstream_log_on_upstream_stream upstream_log_flush_interval",
	},
	"envoy.extensions.filters.http.rbac.v3.RBAC": {
		works: "rules rules_stat_prefix shadow_rules shadow_rules_stat_prefix track_per_rule_stats matcher shadow_matcher",
	},
	"envoy.extensions.filters.http.rbac.v3.RBACPerRoute": { works: "rbac" },
	"envoy.extensions.filters.network.rbac.v3.RBAC": {
		works: "rules matcher shadow_rules shadow_matcher shadow_rules_stat_prefix stat_prefix enforcement_type delay_deny",
	},
	"envoy.config.rbac.v3.RBAC": { works: "action policies", ignored: "audit_logging_options" },
	"envoy.config.rbac.v3.Policy": { works: "permissions principals condition checked_condition" },
	"envoy.config.rbac.v3.Permission": {
		works:
			"and_rules or_rules any header url_path destination_ip destination_port destination_port_range metadata not_rule requested_server_name uri_template sourced_metadata matcher",
	},
	"envoy.extensions.rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher": {
		works: "upstream_ip upstream_port_range",
	},
	"envoy.config.rbac.v3.SourcedMetadata": { works: "metadata_matcher metadata_source" },
	"envoy.config.rbac.v3.Permission.Set": { works: "rules" },
	"envoy.config.rbac.v3.Principal": {
		works:
			"and_ids or_ids any authenticated source_ip direct_remote_ip remote_ip header url_path metadata filter_state not_id sourced_metadata",
	},
	"envoy.config.rbac.v3.Principal.Set": { works: "ids" },
	"envoy.config.rbac.v3.Principal.Authenticated": { works: "principal_name" },
	"envoy.extensions.filters.http.fault.v3.HTTPFault": {
		works:
			"delay abort upstream_cluster headers downstream_nodes max_active_faults response_rate_limit delay_percent_runtime abort_percent_runtime delay_duration_runtime abort_http_status_runtime max_active_faults_runtime response_rate_limit_percent_runtime abort_grpc_status_runtime disable_downstream_cluster_stats",
		ignored: "filter_metadata",
	},
	"envoy.extensions.filters.common.fault.v3.FaultDelay": { works: "fixed_delay header_delay percentage" },
	"envoy.extensions.filters.http.fault.v3.FaultAbort": {
		works: "http_status grpc_status header_abort percentage response_body",
	},
	"envoy.extensions.filters.common.fault.v3.FaultRateLimit": { works: "fixed_limit header_limit percentage" },
	"envoy.extensions.filters.common.fault.v3.FaultRateLimit.FixedLimit": { works: "limit_kbps" },
	"envoy.extensions.filters.http.cors.v3.Cors": { works: "" },
	"envoy.extensions.filters.http.cors.v3.CorsPolicy": {
		works:
			"allow_origin_string_match allow_methods allow_headers expose_headers max_age allow_credentials filter_enabled shadow_enabled allow_private_network_access forward_not_matching_preflights",
	},
	"envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig": { works: "metadata_match" },
	"envoy.extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig": { works: "update_frequency" },
	"envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig": { works: "allowed_route_names" },
	"udpa.type.v1.TypedStruct": { works: "type_url value" },
	"xds.type.v3.TypedStruct": { works: "type_url value" },
};
