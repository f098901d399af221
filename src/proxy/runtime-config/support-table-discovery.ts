import type { MessageSupport } from "./support-table.ts";

const manager = "envoy.extensions.filters.network.http_connection_manager.v3.";
const expr = "google.api.expr.v1alpha1.";

/** Filters and scopes of routes that come by themselves, and expressions. */
export const discoverySupport: Readonly<Record<string, MessageSupport>> = {
	"envoy.config.core.v3.ExtensionConfigSource": {
		works: "config_source default_config apply_default_config_without_warming type_urls",
	},
	[`${manager}ScopedRoutes`]: {
		works: "name scope_key_builder rds_config_source scoped_route_configurations_list scoped_rds",
	},
	[`${manager}ScopedRoutes.ScopeKeyBuilder`]: { works: "fragments" },
	[`${manager}ScopedRoutes.ScopeKeyBuilder.FragmentBuilder`]: { works: "header_value_extractor" },
	[`${manager}ScopedRoutes.ScopeKeyBuilder.FragmentBuilder.HeaderValueExtractor`]: {
		works: "name element_separator index element",
	},
	[`${manager}ScopedRoutes.ScopeKeyBuilder.FragmentBuilder.HeaderValueExtractor.KvElement`]: {
		works: "separator key",
	},
	[`${manager}ScopedRouteConfigurationsList`]: { works: "scoped_route_configurations" },
	[`${manager}ScopedRds`]: { works: "scoped_rds_config_source" },
	"envoy.config.route.v3.ScopedRouteConfiguration": {
		works: "name route_configuration_name route_configuration key",
		ignored: "on_demand",
	},
	"envoy.config.route.v3.ScopedRouteConfiguration.Key": { works: "fragments" },
	"envoy.config.route.v3.ScopedRouteConfiguration.Key.Fragment": { works: "string_key" },
	"envoy.extensions.common.matching.v3.ExtensionWithMatcher": { works: "xds_matcher extension_config" },
	"envoy.extensions.common.matching.v3.ExtensionWithMatcherPerRoute": { works: "xds_matcher" },
	"envoy.extensions.filters.common.matcher.action.v3.SkipFilter": { works: "" },
	"envoy.extensions.filters.http.composite.v3.Composite": { works: "" },
	"envoy.extensions.filters.http.composite.v3.ExecuteFilterAction": { works: "typed_config sample_percent" },
	"envoy.type.matcher.v3.HttpResponseHeaderMatchInput": { works: "header_name" },
	"envoy.type.matcher.v3.HttpRequestQueryParamMatchInput": { works: "query_param" },
	"xds.type.matcher.v3.HttpAttributesCelMatchInput": { works: "" },
	"xds.type.matcher.v3.CelMatcher": { works: "expr_match", ignored: "description" },
	"xds.type.v3.CelExpression": { works: "parsed_expr checked_expr" },
	[`${expr}ParsedExpr`]: { works: "expr", ignored: "source_info" },
	[`${expr}CheckedExpr`]: { works: "expr", ignored: "reference_map type_map source_info" },
	[`${expr}Expr`]: {
		works: "const_expr ident_expr select_expr call_expr list_expr struct_expr",
		ignored: "id",
	},
	[`${expr}Constant`]: {
		works:
			"null_value bool_value int64_value uint64_value double_value string_value bytes_value duration_value timestamp_value",
	},
	[`${expr}Expr.Ident`]: { works: "name" },
	[`${expr}Expr.Select`]: { works: "operand field test_only" },
	[`${expr}Expr.Call`]: { works: "target function args" },
	[`${expr}Expr.CreateList`]: { works: "elements" },
	[`${expr}Expr.CreateStruct`]: { works: "message_name entries" },
	[`${expr}Expr.CreateStruct.Entry`]: { works: "field_key map_key value", ignored: "id" },
};
