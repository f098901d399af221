import type { TypedExtensionConfig } from "../../api/gen/envoy/config/core/v3/extension_pb.js";
import type { OpenTelemetryConfig } from "../../api/gen/envoy/config/trace/v3/opentelemetry_pb.js";
import {
	type ZipkinConfig,
	ZipkinConfig_CollectorEndpointVersion,
	ZipkinConfig_TraceContextOption,
} from "../../api/gen/envoy/config/trace/v3/zipkin_pb.js";
import type { HttpConnectionManager_Tracing } from "../../api/gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { StaticConfigResourceDetectorConfig } from "../../api/gen/envoy/extensions/tracers/opentelemetry/resource_detectors/v3/static_config_resource_detector_pb.js";
import type { ParentBasedSamplerConfig } from "../../api/gen/envoy/extensions/tracers/opentelemetry/samplers/v3/parent_based_sampler_pb.js";
import type { TraceIdRatioBasedSamplerConfig } from "../../api/gen/envoy/extensions/tracers/opentelemetry/samplers/v3/trace_id_ratio_based_sampler_pb.js";
import type { OtlpExporter } from "./access-log-config.ts";
import { readOtlpHttpService, splitUri } from "./access-log-services.ts";
import { readCalledService } from "./config-source.ts";
import { type CustomTagConfig, readCustomTags } from "./custom-tags.ts";
import type { Scope } from "./scope.ts";
import { readFraction, toMs, unpackExtension } from "./values.ts";

/** `HttpConnectionManager.Tracing`. */
export interface TracingConfig {
	/** Percent. */
	readonly clientSampling: number;
	readonly randomSampling: number;
	readonly overallSampling: number;
	readonly maxPathTagLength: number;
	readonly verbose: boolean;
	readonly spawnUpstreamSpan: boolean;
	readonly customTags: readonly CustomTagConfig[];
	/** Undefined when trace contexts are not carried. */
	readonly provider: OpenTelemetryProvider | ZipkinProvider | undefined;
}

/** Spans over OTLP, W3C headers. */
export interface OpenTelemetryProvider {
	readonly kind: "open-telemetry";
	readonly exporter: OtlpExporter;
	readonly serviceName: string;
	/** Attributes that detectors found. */
	readonly resource: readonly (readonly [key: string, value: string])[];
	/** Undefined: as the connection manager's shares and the caller say. */
	readonly sampler: SamplerConfig | undefined;
	/** Spans kept while none can be sent; 0 for the default. */
	readonly maxSpans: number;
}

export type SamplerConfig =
	| { readonly kind: "always-on" }
	| { readonly kind: "parent-based"; readonly root: SamplerConfig }
	| { readonly kind: "trace-id-ratio"; readonly fraction: number };

/** Spans to Zipkin over HTTP, B3 headers. */
export interface ZipkinProvider {
	readonly kind: "zipkin";
	readonly cluster: string;
	readonly authority: string;
	readonly path: string;
	readonly timeoutMs: number;
	/** Names and values in turn. */
	readonly headers: readonly string[];
	readonly has128BitIds: boolean;
	/** Client and server are one span. */
	readonly sharesContext: boolean;
	/** W3C headers are read and written as well. */
	readonly carriesW3c: boolean;
}

export function readTracing(
	message: HttpConnectionManager_Tracing | undefined,
	scope: Scope,
): TracingConfig | undefined {
	if (message === undefined) return undefined;
	return {
		clientSampling: message.clientSampling?.value ?? 100,
		randomSampling: message.randomSampling?.value ?? 100,
		overallSampling: message.overallSampling?.value ?? 100,
		maxPathTagLength: message.maxPathTagLength ?? 256,
		verbose: message.verbose,
		spawnUpstreamSpan: message.spawnUpstreamSpan ?? false,
		customTags: readCustomTags(message.customTags, scope, "custom_tags"),
		provider: readProvider(message, scope.at("provider")),
	};
}

function readProvider(message: HttpConnectionManager_Tracing, scope: Scope): TracingConfig["provider"] {
	if (message.provider === undefined) return undefined;
	const at = scope.at("typed_config");
	const config = unpackExtension(message.provider.configType.value, at);
	switch (config?.$typeName) {
		case undefined:
			return undefined;
		case "envoy.config.trace.v3.OpenTelemetryConfig":
			return readOpenTelemetry(config as OpenTelemetryConfig, at);
		case "envoy.config.trace.v3.ZipkinConfig":
			return readZipkin(config as ZipkinConfig, at);
		default:
			at.report(`tracing provider ${config?.$typeName} is not supported`);
			return undefined;
	}
}

function readOpenTelemetry(message: OpenTelemetryConfig, scope: Scope): OpenTelemetryProvider | undefined {
	let exporter: OtlpExporter | undefined;
	if (message.httpService !== undefined) {
		exporter = readOtlpHttpService(message.httpService, scope.at("http_service"));
	} else if (message.grpcService !== undefined) {
		const service = readCalledService(message.grpcService, scope.at("grpc_service"));
		exporter = service === undefined ? undefined : { kind: "grpc", service };
	} else {
		scope.report("needs grpc_service.envoy_grpc or http_service");
	}
	if (exporter === undefined) return undefined;
	const resource = message.resourceDetectors.flatMap((detector, index) =>
		readDetector(detector, scope.at("resource_detectors", index).at("typed_config")),
	);
	const { sampler, serviceName } = message;
	return {
		kind: "open-telemetry",
		exporter,
		serviceName,
		resource,
		sampler: sampler === undefined ? undefined : readSampler(sampler, scope.at("sampler").at("typed_config")),
		maxSpans: message.maxCacheSize ?? 0,
	};
}

function readDetector({ typedConfig }: TypedExtensionConfig, scope: Scope): [string, string][] {
	const config = unpackExtension(typedConfig, scope);
	switch (config?.$typeName) {
		case "envoy.extensions.tracers.opentelemetry.resource_detectors.v3.EnvironmentResourceDetectorConfig": {
			const text = scope.environment.environment("OTEL_RESOURCE_ATTRIBUTES") ?? "";
			return text.split(",").flatMap((pair): [string, string][] => {
				const equals = pair.indexOf("=");
				return equals === -1 ? [] : [[pair.slice(0, equals), pair.slice(equals + 1)]];
			});
		}
		case "envoy.extensions.tracers.opentelemetry.resource_detectors.v3.StaticConfigResourceDetectorConfig":
			return Object.entries((config as StaticConfigResourceDetectorConfig).attributes);
		case undefined:
			return [];
		default:
			scope.report(`resource detector ${config?.$typeName} is not supported`);
			return [];
	}
}

function readSampler({ typedConfig }: TypedExtensionConfig, scope: Scope): SamplerConfig | undefined {
	const config = unpackExtension(typedConfig, scope);
	switch (config?.$typeName) {
		case "envoy.extensions.tracers.opentelemetry.samplers.v3.AlwaysOnSamplerConfig":
			return { kind: "always-on" };
		case "envoy.extensions.tracers.opentelemetry.samplers.v3.ParentBasedSamplerConfig": {
			const { wrappedSampler } = config as ParentBasedSamplerConfig;
			if (wrappedSampler === undefined) return undefined;
			const root = readSampler(wrappedSampler, scope.at("wrapped_sampler").at("typed_config"));
			return root === undefined ? undefined : { kind: "parent-based", root };
		}
		case "envoy.extensions.tracers.opentelemetry.samplers.v3.TraceIdRatioBasedSamplerConfig": {
			const { numerator, denominator } = readFraction((config as TraceIdRatioBasedSamplerConfig).samplingPercentage);
			return { kind: "trace-id-ratio", fraction: numerator / denominator };
		}
		case undefined:
			return undefined;
		default:
			scope.report(`sampler ${config?.$typeName} is not supported`);
			return undefined;
	}
}

function readZipkin(message: ZipkinConfig, scope: Scope): ZipkinProvider | undefined {
	const { HTTP_JSON } = ZipkinConfig_CollectorEndpointVersion;
	if (message.collectorService === undefined && message.collectorEndpointVersion !== HTTP_JSON) {
		scope.at("collector_endpoint_version").report("only HTTP_JSON is supported");
	}
	const service =
		message.collectorService === undefined
			? undefined
			: readOtlpHttpService(message.collectorService, scope.at("collector_service"));
	const own = splitUri(message.collectorEndpoint);
	const called = service?.kind === "http" ? service : undefined;
	const cluster = called?.cluster ?? message.collectorCluster;
	if (cluster === "") {
		scope.report("one of collector_cluster and collector_service must be set");
		return undefined;
	}
	if (scope.options.hasCluster?.(cluster) === false)
		scope.at("collector_cluster").report(`unknown cluster '${cluster}'`);
	return {
		kind: "zipkin",
		cluster,
		authority: called?.authority ?? (message.collectorHostname || cluster),
		path: called?.path ?? own.path,
		timeoutMs: called?.timeoutMs ?? toMs(undefined, 5000),
		headers: called?.headers.flatMap(({ name, value }) => [name, value.literal ?? ""]) ?? [],
		has128BitIds: message.traceId128bit,
		sharesContext: message.sharedSpanContext ?? true,
		carriesW3c: message.traceContextOption === ZipkinConfig_TraceContextOption.USE_B3_WITH_W3C_PROPAGATION,
	};
}
