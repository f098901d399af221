import type { Labels, ObjectName } from "./names.ts";
import type { PolicyTarget } from "./policy.ts";
import type { Source } from "./source.ts";

/** Which side of a proxy a setting is for: what its workload calls, or what calls it. */
export type TelemetryMode = "CLIENT_AND_SERVER" | "CLIENT" | "SERVER";

/** Where the value of a tag of spans is from. */
export type SpanTag =
	| { readonly kind: "literal"; readonly value: string }
	| { readonly kind: "environment"; readonly name: string; readonly fallback: string }
	| { readonly kind: "header"; readonly name: string; readonly fallback: string };

/** One of `tracing`; what it leaves out, wider objects say. */
export interface TracingSettings {
	readonly mode: TelemetryMode;
	readonly samplingPercent?: number;
	readonly disablesSpans?: boolean;
	readonly customTags: Readonly<Record<string, SpanTag>>;
}

/** One of `accessLogging`; what it leaves out, wider objects say. */
export interface AccessLoggingSettings {
	readonly mode: TelemetryMode;
	readonly isDisabled?: boolean;
	/** An expression (Common Expression Language) that is true of the requests that are logged. */
	readonly filter?: string;
}

/** Istio's metrics by their names without `istio_`. */
export const istioMetricNames = [
	"request_bytes",
	"request_duration_milliseconds",
	"requests_total",
	"response_bytes",
	"tcp_connections_closed_total",
	"tcp_connections_opened_total",
	"tcp_received_bytes_total",
	"tcp_sent_bytes_total",
] as const;

export type IstioMetricName = (typeof istioMetricNames)[number];

/** What becomes of a label: the value of an expression (Common Expression Language), or it goes. */
export type LabelOverride = { readonly kind: "value"; readonly expression: string } | { readonly kind: "remove" };

/** One override of `metrics`; what it leaves out, wider objects and earlier ones say. */
export interface MetricsSettings {
	readonly mode: TelemetryMode;
	readonly metrics: readonly IstioMetricName[];
	readonly isDisabled?: boolean;
	readonly labels: Readonly<Record<string, LabelOverride>>;
}

/** `telemetry.istio.io/v1` Telemetry. Without a selector it covers its namespace; in the root namespace, the mesh. */
export interface Telemetry extends ObjectName {
	readonly selector?: Labels;
	readonly targets?: readonly PolicyTarget[];
	readonly tracing: readonly TracingSettings[];
	readonly accessLogging: readonly AccessLoggingSettings[];
	readonly metrics: readonly MetricsSettings[];
	readonly createdAt: number;
	readonly source: Source;
}
