/** Which streams an access log takes. Spec: envoy.config.accesslog.v3.AccessLogFilter. */
export type { AccessLogFilter, Comparison } from "./types.ts";
