/** Which streams an access log takes. Spec: envoy.config.accesslog.v3.AccessLogFilter. */
export { compileAccessLogFilter, type StreamPredicate } from "./filter.ts";
export type { AccessLogFilter, Comparison } from "./types.ts";
