import type { HttpService } from "../../api/gen/envoy/config/core/v3/http_service_pb.js";
import type {
	CommonGrpcAccessLogConfig,
	HttpGrpcAccessLogConfig,
	TcpGrpcAccessLogConfig,
} from "../../api/gen/envoy/extensions/access_loggers/grpc/v3/als_pb.js";
import type { OpenTelemetryAccessLogConfig } from "../../api/gen/envoy/extensions/access_loggers/open_telemetry/v3/logs_service_pb.js";
import type { AnyValue, KeyValueList } from "../../api/gen/opentelemetry/proto/common/v1/common_pb.js";
import type {
	GrpcAccessLogSink,
	LogServiceConfig,
	OpenTelemetryAccessLogSink,
	OtlpEntry,
	OtlpExporter,
	OtlpTemplate,
} from "./access-log-config.ts";
import { readCalledService } from "./config-source.ts";
import { readCustomTags } from "./custom-tags.ts";
import type { Scope } from "./scope.ts";
import { readFormat, readHeaderAdditions, toMs } from "./values.ts";

type GrpcMessage = HttpGrpcAccessLogConfig | TcpGrpcAccessLogConfig;

/** Translates the loggers that send entries to an access log service. */
export function readGrpcAccessLog(message: GrpcMessage, scope: Scope): GrpcAccessLogSink | undefined {
	const at = scope.at("common_config");
	const common = message.commonConfig;
	const service = readCalledService(common?.grpcService, at.at("grpc_service"));
	if (service === undefined || common === undefined) return undefined;
	const isHttp = message.$typeName === "envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig";
	const lower = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase());
	return {
		kind: "grpc",
		protocol: isHttp ? "http" : "tcp",
		service,
		...readLogService(common, at),
		requestHeaders: isHttp ? lower(message.additionalRequestHeadersToLog) : [],
		responseHeaders: isHttp ? lower(message.additionalResponseHeadersToLog) : [],
		responseTrailers: isHttp ? lower(message.additionalResponseTrailersToLog) : [],
	};
}

function readLogService(
	message: Pick<
		CommonGrpcAccessLogConfig,
		"logName" | "bufferFlushInterval" | "bufferSizeBytes" | "filterStateObjectsToLog" | "customTags"
	>,
	scope: Scope,
): LogServiceConfig {
	return {
		logName: message.logName,
		flushIntervalMs: toMs(message.bufferFlushInterval, 1000),
		bufferBytes: message.bufferSizeBytes ?? 16_384,
		filterStateObjects: message.filterStateObjectsToLog,
		customTags: readCustomTags(message.customTags, scope, "custom_tags"),
	};
}

/** Translates the OpenTelemetry logger. */
export function readOpenTelemetryAccessLog(
	message: OpenTelemetryAccessLogConfig,
	scope: Scope,
): OpenTelemetryAccessLogSink | undefined {
	const { commonConfig } = message;
	const grpc = message.grpcService ?? commonConfig?.grpcService;
	const at =
		message.grpcService === undefined ? scope.at("common_config").at("grpc_service") : scope.at("grpc_service");
	let exporter: OtlpExporter | undefined;
	if (message.httpService !== undefined) {
		exporter = readOtlpHttpService(message.httpService, scope.at("http_service"));
	} else if (grpc !== undefined) {
		const service = readCalledService(grpc, at);
		exporter = service === undefined ? undefined : { kind: "grpc", service };
	} else {
		scope.report("one of grpc_service, http_service or common_config.grpc_service must be set");
	}
	if (exporter === undefined) return undefined;
	const common = commonConfig === undefined ? undefined : readLogService(commonConfig, scope.at("common_config"));
	const own = readLogService(message, scope);
	return {
		kind: "open-telemetry",
		exporter,
		logName: own.logName || (common?.logName ?? ""),
		flushIntervalMs:
			message.bufferFlushInterval === undefined
				? (common?.flushIntervalMs ?? own.flushIntervalMs)
				: own.flushIntervalMs,
		bufferBytes: message.bufferSizeBytes === undefined ? (common?.bufferBytes ?? own.bufferBytes) : own.bufferBytes,
		filterStateObjects: [...own.filterStateObjects, ...(common?.filterStateObjects ?? [])],
		customTags: [...own.customTags, ...(common?.customTags ?? [])],
		hasBuiltinLabels: !message.disableBuiltinLabels,
		resourceAttributes: readEntries(message.resourceAttributes, scope.at("resource_attributes")),
		body: message.body === undefined ? undefined : readTemplate(message.body, scope.at("body")),
		attributes: readEntries(message.attributes, scope.at("attributes")),
		statPrefix: message.statPrefix,
	};
}

/** Translates an HTTP service that takes OTLP. */
export function readOtlpHttpService(message: HttpService, scope: Scope): OtlpExporter {
	const uri = message.httpUri;
	const { authority, path } = splitUri(uri?.uri ?? "");
	const cluster = uri?.httpUpstreamType.value ?? "";
	const additions = readHeaderAdditions(message.requestHeadersToAdd, scope, "request_headers_to_add");
	return {
		kind: "http",
		cluster,
		authority: authority || cluster,
		path,
		timeoutMs: toMs(uri?.timeout, 5000),
		headers: additions.map(({ name, value }) => ({ name, value })),
	};
}

/** Host and path of a URI, which may be a path alone. */
export function splitUri(uri: string): { readonly authority: string; readonly path: string } {
	const match = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)(.*)$/i.exec(uri);
	if (match === null) return { authority: "", path: uri === "" ? "/" : uri };
	const rest = match[2]!;
	return { authority: match[1]!, path: rest.startsWith("/") ? rest : `/${rest}` };
}

function readEntries(message: KeyValueList | undefined, scope: Scope): OtlpEntry[] {
	return (message?.values ?? []).flatMap(({ key, value }, index): OtlpEntry[] => {
		if (value === undefined) return [];
		return [{ key, value: readTemplate(value, scope.at("values", index).at("value")) }];
	});
}

function readTemplate({ value }: AnyValue, scope: Scope): OtlpTemplate {
	switch (value.case) {
		case "stringValue": {
			const formatter = readFormat(value.value, scope.at("string_value"));
			return { kind: "text", format: (stream) => formatter.format(stream) };
		}
		case "arrayValue": {
			const values = value.value.values.map((inner, index) =>
				readTemplate(inner, scope.at("array_value").at("values", index)),
			);
			return { kind: "list", values };
		}
		case "kvlistValue":
			return { kind: "map", entries: readEntries(value.value, scope.at("kvlist_value")) };
		default:
			scope.report("only string values, nested key value lists and array values are supported");
			return { kind: "text", format: () => "" };
	}
}
