import type { AccessLogFilter } from "../../engine/access-log/index.ts";
import type { Formatter, StreamInfo } from "../../engine/format/index.ts";
import type { AccessLogSpec } from "../../telemetry/index.ts";
import type { GrpcServiceConfig } from "./config-source-config.ts";
import type { CustomTagConfig } from "./custom-tags.ts";

/** `envoy.config.accesslog.v3.AccessLog`, validated. */
export interface AccessLogConfig {
	readonly name: string;
	/** Undefined logs every stream. */
	readonly filter: AccessLogFilter | undefined;
	/** A whole entry of a text log, with its line end. */
	readonly formatter: Formatter;
	readonly sink: AccessLogSpec["sink"] | GrpcAccessLogSink | OpenTelemetryAccessLogSink;
}

/** What logs to a service have in common. */
export interface LogServiceConfig {
	readonly logName: string;
	/** 1 000 by default. */
	readonly flushIntervalMs: number;
	/** Size of kept entries that are sent at once; 16 KiB by default, 0 sends each. */
	readonly bufferBytes: number;
	readonly filterStateObjects: readonly string[];
	readonly customTags: readonly CustomTagConfig[];
}

/** `HttpGrpcAccessLogConfig` and `TcpGrpcAccessLogConfig`. */
export interface GrpcAccessLogSink extends LogServiceConfig {
	readonly kind: "grpc";
	readonly protocol: "http" | "tcp";
	readonly service: GrpcServiceConfig;
	/** Names in lower case. */
	readonly requestHeaders: readonly string[];
	readonly responseHeaders: readonly string[];
	readonly responseTrailers: readonly string[];
}

/** A value of OTLP whose texts are formats. */
export type OtlpTemplate =
	| { readonly kind: "text"; readonly format: (stream: StreamInfo) => string }
	| { readonly kind: "list"; readonly values: readonly OtlpTemplate[] }
	| { readonly kind: "map"; readonly entries: readonly OtlpEntry[] };

export interface OtlpEntry {
	readonly key: string;
	readonly value: OtlpTemplate;
}

/** Where OTLP goes. */
export type OtlpExporter =
	| { readonly kind: "grpc"; readonly service: GrpcServiceConfig }
	| {
			readonly kind: "http";
			readonly cluster: string;
			readonly authority: string;
			readonly path: string;
			readonly timeoutMs: number;
			readonly headers: readonly { readonly name: string; readonly value: Formatter }[];
	  };

/** `OpenTelemetryAccessLogConfig`. */
export interface OpenTelemetryAccessLogSink extends LogServiceConfig {
	readonly kind: "open-telemetry";
	readonly exporter: OtlpExporter;
	/** Names of the log, zone, cluster and node beside the attributes. */
	readonly hasBuiltinLabels: boolean;
	readonly resourceAttributes: readonly OtlpEntry[];
	readonly body: OtlpTemplate | undefined;
	readonly attributes: readonly OtlpEntry[];
	/** Below `access_logs.open_telemetry_access_log`. */
	readonly statPrefix: string;
}
