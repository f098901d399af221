import type { MessageSupport } from "./support-table.ts";

/** What leaves the proxy about its streams: entries of access logs, tags, spans. */
export const telemetrySupport: Readonly<Record<string, MessageSupport>> = {
	"envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig": {
		works:
			"common_config additional_request_headers_to_log additional_response_headers_to_log additional_response_trailers_to_log",
	},
	"envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig": { works: "common_config" },
	"envoy.extensions.access_loggers.grpc.v3.CommonGrpcAccessLogConfig": {
		works:
			"log_name grpc_service transport_api_version buffer_flush_interval buffer_size_bytes filter_state_objects_to_log custom_tags",
		ignored: "grpc_stream_retry_policy",
	},
	"envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig": {
		works:
			"common_config http_service grpc_service disable_builtin_labels resource_attributes body attributes stat_prefix log_name buffer_flush_interval buffer_size_bytes filter_state_objects_to_log custom_tags",
	},
	"opentelemetry.proto.common.v1.KeyValueList": { works: "values" },
	"opentelemetry.proto.common.v1.KeyValue": { works: "key value" },
	"opentelemetry.proto.common.v1.ArrayValue": { works: "values" },
	"opentelemetry.proto.common.v1.AnyValue": { works: "string_value array_value kvlist_value" },
	"envoy.type.tracing.v3.CustomTag": { works: "tag literal environment request_header metadata" },
	"envoy.type.tracing.v3.CustomTag.Literal": { works: "value" },
	"envoy.type.tracing.v3.CustomTag.Environment": { works: "name default_value" },
	"envoy.type.tracing.v3.CustomTag.Header": { works: "name default_value" },
	"envoy.type.tracing.v3.CustomTag.Metadata": { works: "kind metadata_key default_value" },
	"envoy.type.metadata.v3.MetadataKind": { works: "request route cluster host" },
	"envoy.type.metadata.v3.MetadataKind.Request": { works: "" },
	"envoy.type.metadata.v3.MetadataKind.Route": { works: "" },
	"envoy.type.metadata.v3.MetadataKind.Cluster": { works: "" },
	"envoy.type.metadata.v3.MetadataKind.Host": { works: "" },
	"envoy.config.trace.v3.Tracing.Http": { works: "name typed_config" },
	"envoy.config.trace.v3.OpenTelemetryConfig": {
		works: "grpc_service http_service service_name resource_detectors sampler max_cache_size",
	},
	"envoy.extensions.tracers.opentelemetry.resource_detectors.v3.EnvironmentResourceDetectorConfig": { works: "" },
	"envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig": {
		works: "attributes",
	},
	"envoy.extensions.tracers.opentelemetry.samplers.v3.AlwaysOnSamplerConfig": { works: "" },
	"envoy.extensions.tracers.opentelemetry.samplers.v3.ParentBasedSamplerConfig": { works: "wrapped_sampler" },
	"envoy.extensions.tracers.opentelemetry.samplers.v3.TraceIdRatioBasedSamplerConfig": { works: "sampling_percentage" },
	"envoy.config.trace.v3.ZipkinConfig": {
		works:
			"collector_cluster collector_endpoint trace_id_128bit shared_span_context collector_endpoint_version collector_hostname trace_context_option collector_service",
	},
	"envoy.config.core.v3.HttpService": { works: "http_uri request_headers_to_add" },
};
