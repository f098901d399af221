import type { MessageSupport } from "./support-table.ts";

const rules =
	"or_match and_match not_match any_match http_request_headers_match http_request_trailers_match http_response_headers_match http_response_trailers_match http_request_generic_body_match http_response_generic_body_match";

/** Taps: the filter, what `/tap` takes, and the predicates. */
export const tapSupport: Readonly<Record<string, MessageSupport>> = {
	"envoy.extensions.filters.http.tap.v3.Tap": {
		works: "common_config record_headers_received_time record_downstream_connection record_upstream_connection",
	},
	"envoy.extensions.common.tap.v3.CommonExtensionConfig": { works: "admin_config static_config" },
	"envoy.extensions.common.tap.v3.AdminConfig": { works: "config_id" },
	"envoy.admin.v3.TapRequest": { works: "config_id tap_config" },
	"envoy.config.tap.v3.TapConfig": { works: "match match_config output_config tap_enabled" },
	"envoy.config.tap.v3.OutputConfig": { works: "sinks max_buffered_rx_bytes max_buffered_tx_bytes streaming" },
	"envoy.config.tap.v3.OutputSink": { works: "format streaming_admin file_per_tap buffered_admin" },
	"envoy.config.tap.v3.StreamingAdminSink": { works: "" },
	"envoy.config.tap.v3.BufferedAdminSink": { works: "max_traces timeout" },
	"envoy.config.tap.v3.FilePerTapSink": { works: "path_prefix" },
	"envoy.config.tap.v3.MatchPredicate": { works: rules },
	"envoy.config.tap.v3.MatchPredicate.MatchSet": { works: "rules" },
	"envoy.config.tap.v3.HttpHeadersMatch": { works: "headers" },
	"envoy.config.tap.v3.HttpGenericBodyMatch": { works: "bytes_limit patterns" },
	"envoy.config.tap.v3.HttpGenericBodyMatch.GenericTextMatch": { works: "string_match binary_match" },
	"envoy.config.common.matcher.v3.MatchPredicate": { works: rules },
	"envoy.config.common.matcher.v3.MatchPredicate.MatchSet": { works: "rules" },
	"envoy.config.common.matcher.v3.HttpHeadersMatch": { works: "headers" },
	"envoy.config.common.matcher.v3.HttpGenericBodyMatch": { works: "bytes_limit patterns" },
	"envoy.config.common.matcher.v3.HttpGenericBodyMatch.GenericTextMatch": { works: "string_match binary_match" },
};
