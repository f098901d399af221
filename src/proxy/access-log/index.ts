/** Access logs that go to services: entries of the access log service (ALS) and OpenTelemetry log records, kept and sent together,
 *  never waited for. Text logs are telemetry's. Spec: Envoy `envoy.service.accesslog.v3`, OTLP logs. */
export { type AccessLogServices, createAccessLogServices } from "./access-log-services.ts";
export { toAddress } from "./log-entry.ts";
export { encodeKeyValue, exportOtlp, type OtlpContext, textValue } from "./otlp.ts";
